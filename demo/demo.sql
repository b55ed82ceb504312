-- The demo: two tenants with one user each, and a table that both share.

begin;

-- PostgreSQL 14 lets everybody create objects here; later versions do not.
revoke create on schema public from public;
grant usage on schema public to anon, authenticated, service_role;

create table public.note (
    id bigint generated always as identity primary key,
    tenant_id uuid,
    author_id uuid default auth.uid(),
    title text not null,
    created_at timestamptz not null default now()
);
comment on table public.note is 'Notes of all tenants; each sees its own.';
grant select, insert, update, delete on public.note to authenticated, service_role;
select auth.protect('public.note');

insert into auth.tenant (slug, name, sign_up_open)
values ('acme', 'Acme Inc.', true), ('globex', 'Globex Corp.', false);

-- Through the front door, so that passwords are checked and hashed as always.
select auth.sign_up('alice@acme.example', 'seven green sailing boats', '{"name": "Alice"}', 'acme');
select auth.sign_up('bob@globex.example', 'nine quiet mountain roads', '{"name": "Bob"}');
insert into auth.membership (tenant_id, user_id)
select tenant.id, "user".id
  from auth.tenant, auth."user"
 where tenant.slug = 'globex' and "user".email = 'bob@globex.example';
update auth.session set ended_at = now(), end_reason = 'demo';

insert into public.note (tenant_id, author_id, title)
select membership.tenant_id, membership.user_id, note.title
  from auth.membership
  join auth.tenant on tenant.id = membership.tenant_id
  join (values ('acme', 'Acme: order more anvils'), ('acme', 'Acme: call the roadrunner'),
               ('globex', 'Globex: the secret plan'), ('globex', 'Globex: move the headquarters')
       ) as note (slug, title) on note.slug = tenant.slug;

commit;
