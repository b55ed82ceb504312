-- Run as authenticator. What the accessors tell, and for how long.
\set ON_ERROR_STOP 0
select token as alice from fixture.token where name = 'alice' \gset
select token as bob from fixture.token where name = 'bob' \gset
select id as alice_id, tenant_id as acme from fixture.person where name = 'alice' \gset
select tap.plan(41);

-- anonymous
set role anon;
select auth.uid() is null and auth.user_id() is null and auth.jwt() is null and auth.claims() is null
   and auth.role() is null and auth.email() is null and auth.tenant_id() is null
   and auth.session_id() is null and auth.aal() is null as nulls,
   auth.has_role('owner') as has_role, auth.has_permission('notes:read') as has_permission \gset
select count(*) as rows from public.note \gset
reset role;
select tap.is('' || :'nulls', 't', 'an anonymous session has no claims');
select tap.is('' || :'has_role' || :'has_permission', 'ff', 'no role and no permission');
select tap.is('' || :'rows', '0', 'and sees no row');

-- within the transaction
begin;
select auth.authenticate(:'alice');
select auth.uid() as uid, auth.user_id() as user_id, auth.role() as role, auth.email() as email,
       auth.tenant_id() as tenant, auth.session_id() is not null as session, auth.aal() as aal,
       auth.jwt() ->> 'sub' as sub, auth.claims() = auth.jwt() as same,
       auth.jwt() ?& array['iss', 'aud', 'exp', 'iat', 'nbf', 'jti', 'amr', 'tenant_slug', 'roles', 'permissions',
                           'app_metadata', 'user_metadata', 'is_anonymous'] as complete,
       current_user as who, session_user as login, count(*) as rows, min(title) as title
  from public.note \gset
select current_setting('pg_gatehouse.token') as shown \gset
commit;
select tap.is('' || :'uid', :'alice_id', 'uid is the user');
select tap.is('' || :'user_id', :'alice_id', 'user_id is the subject');
select tap.is('' || :'sub', :'alice_id', 'and so is sub of jwt()');
select tap.is('' || :'role', 'authenticated', 'role is that of the token');
select tap.is('' || :'email', 'alice@example.com', 'email is that of the token');
select tap.is('' || :'tenant', :'acme', 'tenant_id is the active tenant');
select tap.is('' || :'session', 't', 'there is a session_id');
select tap.is('' || :'aal', 'aal1', 'aal is aal1');
select tap.is('' || :'same', 't', 'claims() is jwt()');
select tap.is('' || :'complete', 't', 'all claims of the contract are there');
select tap.is('' || :'who', 'authenticated', 'the role was switched');
select tap.is('' || :'login', 'authenticator', 'the login role was not');
select tap.is('' || :'rows', '1', 'alice sees one row');
select tap.is('' || :'title', 'of alice', 'her tenant''s');
select tap.unalike('' || :'shown', '%ey%', 'the setting does not show the token');

-- after commit and rollback
select current_setting('pg_gatehouse.token') || current_user as after_commit \gset
select tap.is('' || :'after_commit', 'authenticator', 'after commit role and token are gone');
set role anon;
select coalesce(auth.uid()::text, 'null') as after_commit \gset
reset role;
select tap.is('' || :'after_commit', 'null', 'and so are the claims');
begin;
select auth.authenticate(:'alice');
rollback;
set role anon;
select coalesce(auth.uid()::text, 'null') || current_user as after_rollback \gset
reset role;
select tap.is('' || :'after_rollback', 'nullanon', 'after rollback as well');

-- savepoints
begin;
savepoint before;
select auth.authenticate(:'alice');
rollback to before;
select current_user as who \gset
select tap.is('' || :'who', 'authenticator', 'rollback to a savepoint before gives the role back');
select auth.authenticate(:'bob');
select auth.email() as email \gset
savepoint after;
select 1 / 0;
rollback to after;
select auth.email() as again, current_user as who \gset
release after;
select auth.email() as released \gset
commit;
select tap.is('' || :'email', 'bob@example.com', 'and another may authenticate then');
select tap.is('' || :'again' || :'who', 'bob@example.comauthenticated', 'rollback to a savepoint after keeps the claims');
select tap.is('' || :'released', 'bob@example.com', 'release keeps them');

-- two in turn, with one generic plan
set plan_cache_mode = force_generic_plan;
prepare mine as select string_agg(title, ',') as titles from public.note;
begin; select auth.authenticate(:'alice'); execute mine \gset a_
commit;
begin; select auth.authenticate(:'bob'); execute mine \gset b_
commit;
begin; select auth.authenticate(:'alice'); execute mine \gset c_
commit;
begin; set local role anon; execute mine \gset d_
commit;
\if :{?d_titles} \else \set d_titles none \endif
select tap.is('' || :'a_titles' || '/' || :'b_titles' || '/' || :'c_titles', 'of alice/of bob/of alice', 'a generic plan reads the claims of each run');
select tap.is('' || :'d_titles', 'none', 'and none for nobody');

-- a cursor held over commit keeps its rows, not its rights
begin;
select auth.authenticate(:'alice');
declare held cursor with hold for select title, auth.email() as email from public.note;
commit;
fetch all from held \gset held_
close held;
select tap.is('' || :'held_title' || :'held_email', 'of alicealice@example.com', 'a held cursor has the rows of its transaction');
select tap.is(fixture.refusal('select * from public.note'), '42501 ', 'and leaves no right behind');

-- a plain set counts in its transaction only
set pg_gatehouse.token = :'alice';
select tap.is('' || :'SQLSTATE', '00000', 'a valid token is accepted by a plain set');
set role anon;
select coalesce(auth.uid()::text, 'null') as later, current_setting('pg_gatehouse.token') as shown \gset
reset role;
select tap.is('' || :'later' || :'shown', 'null', 'but it counts for nothing once that transaction is over');
begin;
select auth.authenticate(:'bob');
select auth.email() as email \gset
commit;
select tap.is('' || :'email', 'bob@example.com', 'and does not stand in the way of the next');
set role anon;
select tap.is('' || :'SQLSTATE', '00000', 'nor of a role');
reset role;
begin;
set local pg_gatehouse.token = :'alice';
set local role anon;
\set state :SQLSTATE
rollback;
select tap.is('' || :'state', '42501', 'set local seals like authenticate, role and all');

-- expiry
select fixture.sign(jsonb_build_object('sub', 'short', 'exp', floor(extract(epoch from clock_timestamp()))::bigint + 2)) as short \gset
begin;
select auth.authenticate(:'short');
select pg_sleep(2.2);
select auth.user_id() as late \gset
commit;
select tap.is('' || :'late', 'short', 'a token that expires in the middle counts until its transaction ends');
begin;
select auth.authenticate(:'short');
\set code :SQLSTATE
rollback;
select tap.is('' || :'code', '28000', 'and not in the next');
select tap.is(fixture.refusal(format('select auth.authenticate(%L)', :'short')), '28000 token_expired', 'which says why in DETAIL');

-- roles and permissions
begin;
select auth.authenticate(fixture.sign('{"sub": "x", "roles": ["owner", "a b"], "permissions": ["notes:*", "*:read"]}'));
select concat(auth.has_role('owner'), auth.has_role('a b'), auth.has_role('own'), auth.has_role(null),
              '/', auth.has_permission('notes:delete'), auth.has_permission('bills:read'),
              auth.has_permission('bills:delete'), auth.has_permission('notes')) as answers,
       auth.uid() is null as no_uuid, auth.user_id() as subject \gset
commit;
select tap.is('' || :'answers', 'ttf/ttff', 'has_role and has_permission read the token''s lists');
select tap.is('' || :'no_uuid' || :'subject', 'tx', 'a subject that is no uuid is a user_id and no uid');

-- one call site asked for many rows, by two identities in turn
begin;
select auth.authenticate(fixture.sign('{"sub": "x", "roles": ["owner"], "permissions": ["notes:*"]}'));
select string_agg(auth.has_permission(wanted)::text || auth.has_role(role)::text, ' ' order by n) as many
  from (values (1, 'notes:read', 'owner'), (2, 'bills:read', 'guest'), (3, 'notes:read', 'owner'), (4, repeat('x', 200) || ':read', 'owner'),
               (5, 'notes:write', 'guest')) as asked (n, wanted, role) \gset
rollback;
select tap.is('' || :'many', 'truetrue falsefalse truetrue falsetrue truefalse', 'each row gets its own answer');
create function pg_temp.ask(tokens text[]) returns text language plpgsql as $$
declare
    token text;
    answers text := '';
begin
    foreach token in array tokens loop
        begin
            perform auth.authenticate(token);
            answers := answers || auth.has_permission('notes:read')::text || ' ';
            raise exception using errcode = 'ZZ000';
        exception when sqlstate 'ZZ000' then null;
        end;
    end loop;
    return answers;
end
$$;
grant execute on function pg_temp.ask(text[]) to public;
select tap.is(pg_temp.ask(array[fixture.sign('{"permissions": ["notes:read"]}'), fixture.sign('{"permissions": []}'), fixture.sign('{"permissions": ["notes:read"]}')]),
              'true false true ', 'and each identity, though the call site is the same');
select * from tap.finish();
