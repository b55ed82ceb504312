// onAuthStateChange: which events come, in which order, with which session.

import assert from 'node:assert/strict'
import test from 'node:test'
import { PASSWORD, client, newUser, ok, signedIn, totp, until } from './lib.mjs'

function recording(supabase) {
  const seen = []
  const { data } = supabase.auth.onAuthStateChange((event, session) => { seen.push([event, session?.user.email ?? null]) })
  return { seen, subscription: data.subscription }
}

test('a session tells its life in order', async () => {
  const { email } = await newUser()
  const supabase = client()
  const { seen, subscription } = recording(supabase)
  await until(() => seen.length > 0, 'the first event')
  ok(await supabase.auth.signInWithPassword({ email, password: PASSWORD }))
  ok(await supabase.auth.refreshSession())
  ok(await supabase.auth.updateUser({ data: { name: 'E' } }))
  await supabase.auth.signOut()
  assert.deepEqual(seen, [
    ['INITIAL_SESSION', null], ['SIGNED_IN', email], ['TOKEN_REFRESHED', email], ['USER_UPDATED', email], ['SIGNED_OUT', null],
  ])
  subscription.unsubscribe()
  ok(await supabase.auth.signInWithPassword({ email, password: PASSWORD }))
  assert.equal(seen.length, 5)
})

test('a second factor is an event', async () => {
  const { supabase, user } = await signedIn()
  const { seen } = recording(supabase)
  await until(() => seen.length > 0, 'the first event')
  const factor = ok(await supabase.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone' }))
  ok(await supabase.auth.mfa.challengeAndVerify({ factorId: factor.id, code: totp(factor.totp.secret) }))
  assert.deepEqual(seen, [['INITIAL_SESSION', user.email], ['MFA_CHALLENGE_VERIFIED', user.email]])
})

test('what fails is no event', async () => {
  const { email } = await newUser()
  const supabase = client()
  const { seen } = recording(supabase)
  await until(() => seen.length > 0, 'the first event')
  await supabase.auth.signInWithPassword({ email, password: 'wrong' })
  await supabase.auth.refreshSession({ refresh_token: 'nonsense' })
  assert.deepEqual(seen.filter(([event]) => event !== 'SIGNED_OUT'), [['INITIAL_SESSION', null]])
})
