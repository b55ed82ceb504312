-- Changing the master key.
--
-- Nothing fails at any moment of it, and nothing is half done:
--
--   1. write the new key to a file of its own (64 hexadecimal digits, mode 0600, the server's user);
--   2. alter system set pg_gatehouse.next_master_key_file = '/that/file'; select pg_reload_conf();
--      from now on both keys open, and what is sealed anew is sealed under the new one;
--   3. select auth.rotate_master_key('/that/file');  again, until it gives 0
--      seals everything under the new key, in one transaction;
--   4. alter system set pg_gatehouse.master_key_file = '/that/file';
--      alter system reset pg_gatehouse.next_master_key_file; select pg_reload_conf();
--   5. keep the old file with the backups that need it, or destroy it.
--
-- Standbys need the files and settings of step 1, 2 and 4 at the same time.

create function auth.reseal(sealed bytea, purpose text, key_file text)
returns bytea
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'reseal_wrapper';
revoke all on function auth.reseal(bytea, text, text) from public;
comment on function auth.reseal(bytea, text, text) is
'Internal: the same value sealed under the master key of the file; null when it is already.';

create function auth.rotate_master_key(new_key_file text)
returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    item record;
    fresh bytea;
    resealed integer := 0;
begin
    if new_key_file is null then
        raise exception 'name the file of the new master key' using errcode = '22023', detail = 'master_key_unreadable';
    end if;
    lock table auth.secret, auth.signing_key in share row exclusive mode;
    for item in select name, sealed from auth.secret order by name loop
        fresh := auth.reseal(item.sealed, 'secret:' || item.name, new_key_file);
        if fresh is not null then
            update auth.secret as s set sealed = fresh where s.name = item.name;
            resealed := resealed + 1;
        end if;
    end loop;
    for item in select kid, private_key from auth.signing_key where private_key is not null order by kid loop
        fresh := auth.reseal(item.private_key, 'signing_key:' || item.kid, new_key_file);
        if fresh is not null then
            update auth.signing_key as k set private_key = fresh where k.kid = item.kid;
            resealed := resealed + 1;
        end if;
    end loop;
    perform auth.record_event('master_key_rotated', 'success', detail => jsonb_build_object('resealed', resealed));
    return resealed;
end
$$;
revoke all on function auth.rotate_master_key(text) from public;
comment on function auth.rotate_master_key(text) is
'Seals everything that is sealed under the master key anew, under the key of the file that pg_gatehouse.next_master_key_file names, in one transaction, and gives how many values that were. Call it until it gives 0, then make the file the one of pg_gatehouse.master_key_file. Errors, and nothing is changed: 58000 seal_broken when anything does not open, F0000 when the file can not be read, 55000 when it was not announced.';
