-- Run as authenticator. Nobody reads, forges, widens or manages API keys that are not theirs.
\set ON_ERROR_STOP 0
select token as alice from fixture.token where name = 'alice' \gset
select token as bob from fixture.token where name = 'bob' \gset
select tap.plan(13);

begin;
select auth.authenticate(:'alice');
select id as key_id, key from auth.create_api_key('of alice') \gset
commit;

begin;
select auth.authenticate(:'key');
select current_user || ' ' || auth.email() || ' ' || (auth.session_id() is null) as who \gset
select fixture.refusal($$ select auth.create_api_key('another') $$) as t1,
       fixture.refusal($$ select * from auth.my_api_keys() $$) as t2,
       fixture.refusal($$ select auth.make_api_key() $$) as t3,
       fixture.refusal($$ select auth.keyed_hash('api_key', 'x') $$) as t4,
       fixture.refusal($$ select key_hash from auth.api_key $$) as t5,
       fixture.refusal($$ update auth.api_key set permissions = '{*:*}' $$) as t6,
       fixture.refusal($$ select auth.api_key_remembered_use(gen_random_uuid()) $$) as t7,
       fixture.refusal($$ reset role $$) as t8 \gset
rollback;

select tap.is('' || :'who', 'authenticated alice@example.com true', 'a key is its user, without a session');
select tap.is('' || :'t1', '42501 session_required', 'a key makes no key');
select tap.is('' || :'t2', '42501 session_required', 'and lists none');
select tap.is('' || :'t3', '42501 ', 'the maker of keys is internal');
select tap.is('' || :'t4', '42501 ', 'so is the hash');
select tap.is('' || :'t5', '42501 ', 'hashes are nobody''s to read');
select tap.is('' || :'t6', '42501 ', 'nor rows to write');
select tap.is('' || :'t7', '42501 ', 'nor uses to ask for');
select tap.is('' || :'t8', '42501 ' , 'and the role stays');

begin;
select auth.authenticate(:'bob');
select auth.revoke_api_key(:'key_id') as foreign_revocation \gset
commit;
select tap.is('' || :'foreign_revocation', 'f', 'nobody revokes another''s key');
select tap.is(fixture.refusal(format('select auth.authenticate(%L)', :'key')), 'accepted', 'which goes on working');
select tap.is(fixture.refusal(format('set pg_gatehouse.token = %L', overlay(:'key' placing '0' from 10))),
              '28000 api_key_malformed', 'a typo is refused');

begin;
select auth.authenticate(:'alice');
select auth.revoke_api_key(:'key_id');
commit;
select tap.is(fixture.refusal(format('select auth.authenticate(%L)', :'key')), '28000 api_key_invalid', 'once revoked it is worth nothing');
select * from tap.finish();
