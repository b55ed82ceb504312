-- A user's recovery codes as a whole: how many are left, and voiding them.
--
-- Security definer: my_recovery_codes, delete_recovery_codes (called by users, reach the rows of the
-- one who calls).

create function auth.my_recovery_codes(out total integer, out remaining integer)
returns record
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.signed_in_user();
begin
    select count(*), count(*) filter (where r.used_at is null) into total, remaining
      from auth.recovery_code as r
     where r.user_id = account.id;
end
$$;
revoke all on function auth.my_recovery_codes() from public;
grant execute on function auth.my_recovery_codes() to authenticated;
comment on function auth.my_recovery_codes() is
'How many recovery codes the signed-in user was given last, and how many of them are left; zeros without any. Errors: 42501.';

create function auth.delete_recovery_codes()
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.require_step_up();
begin
    delete from auth.recovery_code as r where r.user_id = account.id;
    if found then
        perform auth.record_event('recovery_codes_deleted', 'success', account.id, null, auth.session_id());
    end if;
    return found;
end
$$;
revoke all on function auth.delete_recovery_codes() from public;
grant execute on function auth.delete_recovery_codes() to authenticated;
comment on function auth.delete_recovery_codes() is
'Voids all recovery codes of the signed-in user; false when there are none. Needs aal2 when the user has a second factor. Errors: 42501 (insufficient_aal).';
