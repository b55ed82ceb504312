//! What is wrong with a password, in the words of Supabase's clients: `length`, `characters`, `pwned`.
//! Applications choose their own text by them; the sentences are in the message.

/// The kinds of reasons that the sentences give, each once.
pub(super) fn kinds(sentences: &[String]) -> Vec<&'static str> {
    let has = |part: &str| sentences.iter().any(|sentence| sentence.contains(part));
    let length = has("use at least") || has("at most");
    let pwned = has("one of the common passwords");
    let characters = !(length || pwned) || has("easy to guess") || has("avoid repeated");
    let kinds = [(length, "length"), (characters, "characters"), (pwned, "pwned")];
    kinds.into_iter().filter(|(is_given, _)| *is_given).map(|(_, kind)| kind).collect()
}

#[cfg(test)]
mod tests {
    use gatehouse_core::password::{Policy, Reason, check};

    use super::kinds;

    fn of(reasons: &[Reason]) -> Vec<&'static str> {
        kinds(&reasons.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn each_reason_has_its_kind() {
        let too_short = Reason::TooShort { length: 3, min_length: 15 };
        for reason in [too_short, Reason::TooLong { max_bytes: 72 }] {
            assert_eq!(of(&[reason]), ["length"], "{reason}");
        }
        let too_weak = Reason::TooWeak { score: 0, min_score: 2 };
        let others = [Reason::Date, Reason::Empty, Reason::HasNul, Reason::Keyboard, Reason::Repeats];
        for reason in others.into_iter().chain([too_weak, Reason::Sequence, Reason::ContextWord]) {
            assert_eq!(of(&[reason]), ["characters"], "{reason}");
        }
        assert_eq!(of(&[Reason::Common]), ["pwned"]);
        assert_eq!(of(&[Reason::Common, Reason::Date, too_short]), ["length", "characters", "pwned"]);
    }

    #[test]
    fn what_the_core_says_of_a_bad_password_is_understood() {
        let found = check("abc", &[], &Policy::default());
        assert!(of(&found.reasons).contains(&"length"), "{found:?}");
        let found = check("password password", &[], &Policy::default());
        assert!(of(&found.reasons).contains(&"pwned"), "{found:?}");
    }

    #[test]
    fn sentences_in_one_text_are_all_heard() {
        let text = format!("{} {}", Reason::TooShort { length: 3, min_length: 15 }, Reason::Common);
        assert_eq!(kinds(&[text]), ["length", "pwned"]);
        assert_eq!(kinds(&["something new".to_owned()]), ["characters"]);
    }
}
