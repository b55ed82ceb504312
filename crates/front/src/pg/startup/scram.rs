//! SCRAM-SHA-256 (RFC 5802, RFC 7677), tied to the TLS connection where there is one.

use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;

use super::{Startup, unexpected};
use crate::config;
use crate::pg::error::ConnectError;

impl Startup<'_> {
    pub(super) async fn scram(&mut self, body: &AuthenticationSaslBody) -> Result<(), ConnectError> {
        let (mechanism, binding) = self.mechanism(body)?;
        let mut scram = ScramSha256::new(self.password()?.as_bytes(), binding);
        self.send(|output| frontend::sasl_initial_response(mechanism, scram.message(), output)).await?;
        let Message::AuthenticationSaslContinue(body) = self.receive().await? else {
            return Err(unexpected());
        };
        scram.update(body.data())?;
        self.send(|output| frontend::sasl_response(scram.message(), output)).await?;
        let Message::AuthenticationSaslFinal(body) = self.receive().await? else { return Err(unexpected()) };
        Ok(scram.finish(body.data())?)
    }

    fn mechanism(
        &self,
        body: &AuthenticationSaslBody,
    ) -> Result<(&'static str, ChannelBinding), ConnectError> {
        let offered: Vec<_> = body.mechanisms().collect()?;
        let (bound, unbound) = (offered.contains(&SCRAM_SHA_256_PLUS), offered.contains(&SCRAM_SHA_256));
        // The server believes in TLS and we have none: somebody in between took it away.
        if bound && !self.socket.is_encrypted() {
            return Err(unexpected());
        }
        let wanted = self.uri.tls.channel_binding;
        let possible = wanted != config::ChannelBinding::Disable;
        let end_point = if possible { self.socket.server_end_point() } else { None };
        match end_point {
            Some(hash) if bound => Ok((SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash))),
            _ if wanted == config::ChannelBinding::Require => Err(ConnectError::NotBound),
            // It says that we could, so the server notices who hid its offer.
            Some(_) if unbound => Ok((SCRAM_SHA_256, ChannelBinding::unrequested())),
            None if unbound => Ok((SCRAM_SHA_256, ChannelBinding::unsupported())),
            _ => Err(ConnectError::Method),
        }
    }
}
