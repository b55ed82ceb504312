// A second factor, with the codes that an authenticator computes. A code counts once, so that each is one step later.

import assert from 'node:assert/strict'
import test from 'node:test'
import { PASSWORD, client, events, fails, mailTo, ok, signedIn, totp, trusting } from './lib.mjs'

async function enrolled(friendlyName = 'phone') {
  const person = await signedIn()
  const factor = ok(await person.supabase.auth.mfa.enroll({ factorType: 'totp', friendlyName, issuer: 'Acme' }))
  return { ...person, factor }
}

async function verified() {
  const person = await enrolled()
  const { supabase, factor } = person
  const challenge = ok(await supabase.auth.mfa.challenge({ factorId: factor.id }))
  const code = totp(factor.totp.secret, -1)
  const session = ok(await supabase.auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code }))
  return { ...person, session }
}

test('enrolling shows what the authenticator needs', async () => {
  const { factor } = await enrolled()
  assert.deepEqual([factor.type, factor.friendly_name], ['totp', 'phone'])
  assert.match(factor.totp.secret, /^[A-Z2-7]{32,}$/)
  assert.match(factor.totp.uri, /^otpauth:\/\/totp\/Acme.*issuer=Acme/)
  assert.match(factor.totp.qr_code, /^data:image\/svg\+xml;utf-8,<svg /)
})

test('the first verified code makes the session aal2', async () => {
  const { supabase, user, factor } = await enrolled()
  const seen = events(supabase)
  const levels = () => supabase.auth.mfa.getAuthenticatorAssuranceLevel()
  assert.equal(ok(await levels()).currentLevel, 'aal1')
  assert.deepEqual(ok(await supabase.auth.mfa.listFactors()).totp, [])
  const challenge = ok(await supabase.auth.mfa.challenge({ factorId: factor.id }))
  assert.ok(challenge.expires_at > Date.now() / 1000)
  const code = totp(factor.totp.secret)
  const session = ok(await supabase.auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code }))
  assert.equal(session.user.id, user.id)
  assert.equal(seen.at(-1), 'MFA_CHALLENGE_VERIFIED')
  const { currentLevel, nextLevel, currentAuthenticationMethods } = ok(await levels())
  assert.deepEqual([currentLevel, nextLevel], ['aal2', 'aal2'])
  assert.deepEqual(currentAuthenticationMethods.map(({ method }) => method).sort(), ['password', 'totp'])
  const { totp: factors, all } = ok(await supabase.auth.mfa.listFactors())
  assert.deepEqual(factors.map(({ id, status, friendly_name }) => [id, status, friendly_name]), [[factor.id, 'verified', 'phone']])
  assert.equal(all.length, 1)
  assert.equal(ok(await supabase.auth.getClaims()).claims.aal, 'aal2')
  ok(await supabase.auth.refreshSession())
  assert.equal(ok(await levels()).currentLevel, 'aal2')
})

test('the next sign-in asks for the code', async () => {
  const { user, factor } = await verified()
  const supabase = client()
  ok(await supabase.auth.signInWithPassword({ email: user.email, password: PASSWORD }))
  const before = ok(await supabase.auth.mfa.getAuthenticatorAssuranceLevel())
  assert.deepEqual([before.currentLevel, before.nextLevel], ['aal1', 'aal2'])
  const [found] = ok(await supabase.auth.mfa.listFactors()).totp
  ok(await supabase.auth.mfa.challengeAndVerify({ factorId: found.id, code: totp(factor.totp.secret) }))
  assert.equal(ok(await supabase.auth.mfa.getAuthenticatorAssuranceLevel()).currentLevel, 'aal2')
})

test('a code counts once, and a wrong one not at all', async () => {
  const { user, factor } = await verified()
  const supabase = client()
  ok(await supabase.auth.signInWithPassword({ email: user.email, password: PASSWORD }))
  const tries = (code) => supabase.auth.mfa.challengeAndVerify({ factorId: factor.id, code })
  fails(await tries(totp(factor.totp.secret, -1)), 422, 'mfa_verification_failed')
  fails(await tries(totp(factor.totp.secret, 1000)), 422, 'mfa_verification_failed')
  ok(await tries(totp(factor.totp.secret, 1)))
})

test('without the second factor neither password nor address changes', async () => {
  const { user } = await verified()
  const supabase = client()
  ok(await supabase.auth.signInWithPassword({ email: user.email, password: PASSWORD }))
  fails(await supabase.auth.updateUser({ password: 'another long enough password' }), 401, 'insufficient_aal')
  fails(await supabase.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'thief' }), 403, 'insufficient_aal')
})

test('a factor is removed with the second factor only', async () => {
  const { supabase, user, factor } = await verified()
  const weaker = client()
  ok(await weaker.auth.signInWithPassword({ email: user.email, password: PASSWORD }))
  fails(await weaker.auth.mfa.unenroll({ factorId: factor.id }), 422, 'insufficient_aal')
  assert.equal(ok(await supabase.auth.mfa.unenroll({ factorId: factor.id })).id, factor.id)
  assert.deepEqual(ok(await supabase.auth.mfa.listFactors()).all, [])
  await mailTo(trusting, user.email, /removed/)
})

test('two factors need two names, and nobody reaches the factor of another', async () => {
  const { supabase } = await verified()
  fails(await supabase.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone' }), 422, 'mfa_factor_name_conflict')
  const { factor: foreign } = await enrolled()
  fails(await supabase.auth.mfa.challenge({ factorId: foreign.id }), 404, 'mfa_factor_not_found')
  fails(await supabase.auth.mfa.unenroll({ factorId: foreign.id }), 404, 'mfa_factor_not_found')
})

test('other kinds of factors are refused with their codes', async () => {
  const { supabase } = await signedIn()
  const { error } = await supabase.auth.mfa.enroll({ factorType: 'phone', phone: '+4912345678' })
  assert.deepEqual([error.status, error.code], [422, 'mfa_phone_enroll_not_enabled'])
})
