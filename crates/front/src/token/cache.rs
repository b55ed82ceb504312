//! Verified tokens, a bounded number of them. When it is full, the oldest that was not asked for
//! lately makes room.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::Session;

pub(super) struct Cache {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    sessions: HashMap<Arc<str>, Entry>,
    /// Oldest first; may hold tokens that were forgotten.
    queue: VecDeque<Arc<str>>,
}

struct Entry {
    session: Arc<Session>,
    /// Asked for since it was last looked at.
    used: bool,
}

impl Cache {
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    pub(super) fn find(&self, token: &str) -> Option<Arc<Session>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = kept.sessions.get_mut(token)?;
        entry.used = true;
        Some(Arc::clone(&entry.session))
    }

    pub(super) fn keep(&self, token: &str, session: &Arc<Session>) {
        if self.most == 0 {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.queue.len() >= self.most {
            kept.make_room();
        }
        let token: Arc<str> = token.into();
        kept.queue.push_back(Arc::clone(&token));
        kept.sessions.insert(token, Entry { session: Arc::clone(session), used: false });
    }

    pub(super) fn forget(&self, token: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.sessions.remove(token).is_some() {
            kept.queue.retain(|other| **other != *token);
        }
    }
}

impl Kept {
    fn make_room(&mut self) {
        let Some(oldest) = self.queue.pop_front() else { return };
        match self.sessions.get_mut(&oldest) {
            Some(entry) if entry.used => {
                entry.used = false;
                self.queue.push_back(oldest);
            }
            _ => drop(self.sessions.remove(&oldest)),
        }
    }
}
