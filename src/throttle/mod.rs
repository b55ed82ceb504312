//! The throttle: glue between `gatehouse_core::throttle` and PostgreSQL.
//! `sql/46_throttle.sql` declares the functions.
//!
//! | module | what |
//! | --- | --- |
//! | [`memory`] | the counters in shared memory, and their lock |
//! | [`file`] | what of them is kept on disk |
//! | [`limits`] | the settings, read from their tables and cached in the backend |
//!
//! Nothing here belongs to a transaction: a rollback undoes no count. It works on a standby, too.

use gatehouse_core::Error;
use gatehouse_core::throttle::client::Client;
use gatehouse_core::throttle::counters::Status;
use gatehouse_core::throttle::key::Subject;
use gatehouse_core::throttle::{Act, Verdict};
use pgrx::datum::Inet;
use pgrx::pg_sys;
use pgrx::prelude::*;

use crate::report::{Refusal, answer};
use crate::{sealed, settings};

mod file;
pub(crate) mod limits;
pub(crate) mod memory;

/// `auth.throttle(act, account, tenant_id)`: null, or seconds to wait.
#[pg_extern(sql = false)]
fn throttle(act: Option<&str>, account: Option<&str>, tenant_id: Option<pgrx::Uuid>) -> Option<i32> {
    answer(|| {
        let limits = ready()?;
        let subject = subject(parse(act)?, account, tenant_id.as_ref())?;
        let verdict = memory::change(|counters, journal| counters.attempt(&limits, &subject, now(), journal));
        Ok(seconds(verdict))
    })
}

/// `auth.throttle_outcome(act, account, success)`; an unknown outcome is none to be glad of.
#[pg_extern(sql = false)]
fn throttle_outcome(act: Option<&str>, account: Option<&str>, success: Option<bool>) {
    answer(|| {
        let limits = ready()?;
        let act = parse(act)?;
        let subject_of = |act| subject(act, account, None);
        let subject = subject_of(act)?;
        if success == Some(true) {
            let reopened = act.reopens().iter().map(|act| subject_of(*act)).collect::<Result<Vec<_>, _>>()?;
            memory::change(|counters, journal| counters.succeeded(&subject, &reopened, now(), journal));
        } else {
            memory::change(|counters, journal| counters.failed(&limits, &subject, now(), journal));
        }
        Ok(())
    });
}

type StatusRows = TableIterator<
    'static,
    (
        name!(act, &'static str),
        name!(failures, i32),
        name!(retry_after, Option<i32>),
        name!(known_address, bool),
    ),
>;

/// `auth.throttle_status(account, address)`
#[pg_extern(sql = false)]
fn throttle_status(account: Option<&str>, address: Option<Inet>) -> StatusRows {
    answer(|| {
        let limits = ready()?;
        let mut rows = Vec::new();
        for act in Act::ALL {
            let subject = subject_at(act, account, address.as_ref());
            let Status { failures, verdict, known } =
                memory::change(|counters, _| counters.status(&limits, &subject, now()));
            rows.push((act.name(), i32::try_from(failures).unwrap_or(i32::MAX), seconds(verdict), known));
        }
        Ok(TableIterator::new(rows))
    })
}

/// `auth.throttle_forget(account, address)`
#[pg_extern(sql = false)]
fn throttle_forget(account: Option<&str>, address: Option<Inet>) {
    answer(|| {
        ready()?;
        for act in Act::ALL {
            let subject = subject_at(act, account, address.as_ref());
            memory::change(|counters, journal| counters.forget(&subject, journal));
        }
        Ok(())
    });
}

/// `auth.throttle_usage()`
#[pg_extern(sql = false)]
fn throttle_usage() -> TableIterator<
    'static,
    (name!(region, &'static str), name!(places, i32), name!(used, i32), name!(bytes, i32)),
> {
    answer(|| {
        ready()?;
        let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        let usage = memory::change(|counters, _| counters.usage(now()));
        Ok(TableIterator::new(
            usage.map(|of| (of.region, number(of.places), number(of.used), number(of.bytes))),
        ))
    })
}

/// The limits, if there is memory to count in.
fn ready() -> Result<std::rc::Rc<gatehouse_core::throttle::Limits>, Refusal> {
    if sealed::preloaded() { limits::load() } else { Err(Refusal::NotPreloaded) }
}

fn parse(act: Option<&str>) -> Result<Act, Refusal> {
    Ok(act.ok_or(Error::ThrottleActUnknown)?.parse()?)
}

fn subject(act: Act, account: Option<&str>, tenant: Option<&pgrx::Uuid>) -> Result<Subject, Refusal> {
    let tenant = tenant.map(|tenant| tenant.as_bytes());
    Ok(memory::keys().subject(database(), act, account, client()?, tenant))
}

/// What an administrator asks about: the account everywhere or at an address.
fn subject_at(act: Act, account: Option<&str>, address: Option<&Inet>) -> Subject {
    let client = address.map_or(Client::Local, |address| Client::told(Some(&address.0)));
    memory::keys().subject(database(), act, account, client, None)
}

/// Who is at the other end; the same address as `auth.request_ip()` gives.
fn client() -> Result<Client, Refusal> {
    let header = settings::client_address_header();
    if header.is_empty() {
        return Ok(connection());
    }
    let told = crate::authenticate::request_header(&header.to_lowercase()).unwrap_or_default();
    Ok(Client::told(told.as_deref()))
}

/// The address of the connection, which does not change.
fn connection() -> Client {
    static mut CONNECTION: Option<Client> = None;
    // SAFETY: backends are single-threaded; the function of PostgreSQL takes no argument.
    unsafe {
        if let Some(client) = CONNECTION {
            return client;
        }
        let address: Option<Inet> = pgrx::direct_function_call(pg_sys::inet_client_addr, &[]);
        let client = address.map_or(Client::Local, |address| Client::told(Some(&address.0)));
        CONNECTION = Some(client);
        client
    }
}

fn seconds(verdict: Verdict) -> Option<i32> {
    match verdict {
        Verdict::Allowed => None,
        Verdict::Wait(seconds) => Some(i32::try_from(seconds.get()).unwrap_or(i32::MAX)),
    }
}

fn database() -> u32 {
    // SAFETY: set once when the backend starts.
    unsafe { pg_sys::MyDatabaseId }.to_u32()
}

/// Microseconds since 2000.
fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}
