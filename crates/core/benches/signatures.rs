//! What the bare signature of a token costs to verify: `algorithm microseconds`, a line each.
//!
//! The library and the form of the keys are those of `jwt::key`, parsed once; the message has the
//! size of an access token. `bench/tokens.py` sets this against `auth.authenticate`.
#![expect(clippy::print_stdout, reason = "the measurement is what this prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{error::Unspecified, hmac};

const ROUNDS: usize = 9;
/// How long one algorithm is measured in one round.
const SLICE: Duration = Duration::from_millis(10);

type Check = (&'static str, Box<dyn Fn() -> bool>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let size = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(900);
    let checks = checks(&vec![b'x'; size])?;
    let mut times = vec![Vec::with_capacity(ROUNDS); checks.len()];
    for _ in 0..ROUNDS {
        for ((_, check), times) in checks.iter().zip(&mut times) {
            times.push(microseconds(check.as_ref()));
        }
    }
    for ((name, _), mut times) in checks.iter().zip(times) {
        times.sort_by(f64::total_cmp);
        println!("{name} {:.3}", times[ROUNDS / 2]);
    }
    Ok(())
}

/// Microseconds of one check, over as many as fit into the slice.
fn microseconds(check: &dyn Fn() -> bool) -> f64 {
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < SLICE {
        for _ in 0..16 {
            assert!(black_box(check()), "a good signature was refused");
        }
        count += 16;
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

fn checks(message: &[u8]) -> Result<Vec<Check>, Unspecified> {
    let random = SystemRandom::new();
    let secret = hmac::Key::generate(hmac::HMAC_SHA256, &random)?;
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let ed25519 = Ed25519KeyPair::generate()?;
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let mut rsa_signature = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut rsa_signature)?;

    let tag = hmac::sign(&secret, message);
    let hmac_message = message.to_vec();
    let hmac: Check = ("HS256", Box::new(move || hmac::verify(&secret, &hmac_message, tag.as_ref()).is_ok()));
    let public = |name, key: Result<ParsedPublicKey, _>, signature: &[u8]| -> Result<Check, Unspecified> {
        let key = key.map_err(|_| Unspecified)?;
        let (message, signature) = (message.to_vec(), signature.to_vec());
        Ok((name, Box::new(move || key.verify_sig(&message, &signature).is_ok())))
    };
    Ok(vec![
        hmac,
        public(
            "ES256",
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, p256.public_key().as_ref()),
            p256.sign(&random, message)?.as_ref(),
        )?,
        public(
            "EdDSA",
            ParsedPublicKey::new(&ED25519, ed25519.public_key().as_ref()),
            ed25519.sign(message).as_ref(),
        )?,
        public(
            "RS256",
            ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rsa.public_key().as_der()?.as_ref()),
            &rsa_signature,
        )?,
    ])
}
