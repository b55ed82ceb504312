-- The demo: two tenants with one owner each, and a table that both share.

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

select auth.create_tenant('acme', 'Acme Inc.'), auth.create_tenant('globex', 'Globex Corp.');

-- Through the front door, so that passwords are checked and hashed as always.
select auth.sign_up('alice@acme.example', 'seven green sailing boats', '{"name": "Alice"}');
select auth.sign_up('bob@globex.example', 'nine quiet mountain roads', '{"name": "Bob"}');
select auth.grant_role("user".id, 'owner', tenant.id)
  from auth.tenant join auth."user" on split_part("user".email, '@', 2) = tenant.slug || '.example';
select auth.update_tenant('{"sign_up_open": true}', id) from auth.tenant where slug = 'acme';
update auth.session set ended_at = now(), end_reason = 'demo';

insert into public.note (tenant_id, author_id, title)
select membership.tenant_id, membership.user_id, note.title
  from auth.membership
  join auth.tenant on tenant.id = membership.tenant_id
  join (values ('acme', 'Acme: order more anvils'), ('acme', 'Acme: call the roadrunner'),
               ('globex', 'Globex: the secret plan'), ('globex', 'Globex: move the headquarters')
       ) as note (slug, title) on note.slug = tenant.slug;

commit;
