// Anonymous users, and their becoming somebody.

import assert from 'node:assert/strict'
import test from 'node:test'
import { PASSWORD, address, client, codeIn, confirming, fails, mailTo, ok, plain, trusting } from './lib.mjs'

async function anonymous(front) {
  const supabase = client(front)
  const { user, session } = ok(await supabase.auth.signInAnonymously({ options: { data: { cart: 3 } } }))
  return { supabase, user, session }
}

const isAnonymous = async (supabase) => ok(await supabase.auth.getClaims()).claims.is_anonymous

test('an anonymous user has a session and no address', async () => {
  const { supabase, user, session } = await anonymous(trusting)
  assert.equal(user.is_anonymous, true)
  assert.equal(user.email || '', '')
  assert.equal(user.user_metadata.cart, 3)
  assert.equal(session.user.id, user.id)
  assert.equal(await isAnonymous(supabase), true)
  ok(await supabase.auth.refreshSession())
  assert.equal(ok(await supabase.auth.getUser()).user.id, user.id)
})

test('they become somebody at once where addresses are trusted', async () => {
  const { supabase, user } = await anonymous(trusting)
  const email = address('became')
  const changed = ok(await supabase.auth.updateUser({ email, password: PASSWORD })).user
  assert.deepEqual([changed.id, changed.email, changed.is_anonymous], [user.id, email, false])
  ok(await supabase.auth.refreshSession())
  assert.equal(await isAnonymous(supabase), false)
  const again = ok(await client(trusting).auth.signInWithPassword({ email, password: PASSWORD })).user
  assert.equal(again.id, user.id)
  assert.equal(again.user_metadata.cart, 3)
})

test('elsewhere they prove the address first', async () => {
  const { supabase, user } = await anonymous(confirming)
  const email = address('proved')
  ok(await supabase.auth.updateUser({ email }))
  assert.equal(ok(await supabase.auth.getUser()).user.is_anonymous, true)
  const token = codeIn(await mailTo(confirming, email))
  const proved = ok(await supabase.auth.verifyOtp({ email, token, type: 'email_change' })).user
  assert.deepEqual([proved.id, proved.email, proved.is_anonymous], [user.id, email, false])
  ok(await supabase.auth.updateUser({ password: PASSWORD }))
  assert.equal(ok(await client(confirming).auth.signInWithPassword({ email, password: PASSWORD })).user.id, user.id)
})

test('where the operator does not allow it there is none', async () => {
  fails(await client(plain).auth.signInAnonymously(), 422, 'anonymous_provider_disabled')
})
