// Links that the operator makes and hands over: nothing is mailed.

import assert from 'node:assert/strict'
import test from 'node:test'
import { PASSWORD, REDIRECT, address, client, confirming, fails, follow, mailsTo, newUser, ok, operator } from './lib.mjs'

const options = { redirectTo: REDIRECT }
const make = (request) => operator(confirming).auth.admin.generateLink({ options, ...request })

// Where the link leads: to a session of the user.
async function opens(properties, user, type) {
  assert.equal(properties.verification_type, type)
  assert.equal(properties.redirect_to, REDIRECT)
  assert.match(properties.email_otp, /^\d{6}$/)
  const { page, fragment } = await follow(properties.action_link)
  assert.deepEqual([page, fragment.get('type')], [REDIRECT, type])
  assert.equal(ok(await client(confirming).auth.getUser(fragment.get('access_token'))).user.id, user.id)
}

test('signup makes a user with a password', async () => {
  const email = address('signup')
  const { properties, user } = ok(await make({ type: 'signup', email, password: PASSWORD, options: { ...options, data: { a: 1 } } }))
  assert.deepEqual([user.email, user.user_metadata], [email, { a: 1 }])
  await opens(properties, user, 'signup')
  ok(await client(confirming).auth.signInWithPassword({ email, password: PASSWORD }))
  assert.deepEqual(await mailsTo(confirming, email), [])
})

test('invite makes a user without one', async () => {
  const email = address('invite')
  const { properties, user } = ok(await make({ type: 'invite', email }))
  await opens(properties, user, 'invite')
})

test('magiclink and recovery sign a user in', async () => {
  for (const type of ['magiclink', 'recovery']) {
    const known = await newUser(confirming)
    const { properties, user } = ok(await make({ type, email: known.email }))
    assert.equal(user.id, known.id)
    await opens(properties, known, type)
  }
})

test('the code and the hash are good as well', async () => {
  const { email, id } = await newUser(confirming)
  const { properties } = ok(await make({ type: 'magiclink', email }))
  assert.equal(ok(await client(confirming).auth.verifyOtp({ email, token: properties.email_otp, type: 'email' })).user.id, id)
  const { properties: other } = ok(await make({ type: 'recovery', email }))
  const verified = await client(confirming).auth.verifyOtp({ token_hash: other.hashed_token, type: 'recovery' })
  assert.equal(ok(verified).user.id, id)
})

test('a change of address takes both links', async () => {
  const known = await newUser(confirming)
  const newEmail = address('moved')
  const current = ok(await make({ type: 'email_change_current', email: known.email, newEmail })).properties
  const next = ok(await make({ type: 'email_change_new', email: known.email, newEmail })).properties
  assert.ok((await follow(current.action_link)).fragment.get('message'))
  await opens(next, known, 'email_change')
  assert.equal(ok(await client(confirming).auth.signInWithPassword({ email: newEmail, password: PASSWORD })).user.id, known.id)
})

test('what can not be is refused', async () => {
  const { email } = await newUser(confirming)
  fails(await make({ type: 'signup', email, password: PASSWORD }), 422, 'email_exists')
  fails(await make({ type: 'invite', email }), 422, 'email_exists')
  fails(await make({ type: 'recovery', email: address('nobody') }), 404, 'user_not_found')
  fails(await make({ type: 'nonsense', email }), 400, 'validation_failed')
})
