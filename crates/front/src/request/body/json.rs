//! JSON to insert: an object or an array of objects with the same keys.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Payload;
use crate::error::Error;

const UNEQUAL_KEYS: &str = "All object keys must match";
const NOT_JSON: &str = "Empty or invalid json";

pub(super) fn parse(json: Bytes) -> Result<Payload, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(&json);
    let keys = deserializer.deserialize_any(TopVisitor).and_then(|keys| deserializer.end().map(|()| keys));
    let keys = keys.map_err(|error| {
        let unequal = error.to_string().starts_with(UNEQUAL_KEYS);
        Error::InvalidBody(if unequal { UNEQUAL_KEYS } else { NOT_JSON }.to_owned())
    })?;
    let keys = keys.into_iter().map(Cow::into_owned).collect();
    Ok(Payload::Json { keys, json })
}

struct TopVisitor;

impl<'de> Visitor<'de> for TopVisitor {
    type Value = Vec<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        ItemVisitor.visit_map(map).map(|item| item.0.unwrap_or_default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let Some(Item(first)) = array.next_element()? else { return Ok(Vec::new()) };
        let mut same = first.is_some();
        // To the end also when it is known to be wrong: it may still be no JSON at all.
        while let Some(Item(other)) = array.next_element()? {
            same &= other == first;
        }
        match first {
            Some(keys) if same => Ok(keys),
            _ => Err(A::Error::custom(UNEQUAL_KEYS)),
        }
    }
}

/// The keys of one object, sorted and once each; `None` for what is no object.
struct Item<'de>(Option<Vec<Cow<'de, str>>>);

impl<'de> Deserialize<'de> for Item<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::with_capacity(map.size_hint().unwrap_or(8));
        while let Some((Key(key), IgnoredAny)) = map.next_entry()? {
            keys.push(key);
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(Item(Some(keys)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Item(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Item(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Item(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Item(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Item(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Item(None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Item(None))
    }
}

/// A key, borrowed from the body where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
