// The operator, with the service key: users, factors, bans; and nobody else.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'
import {
  NEW_PASSWORD, PASSWORD, address, client, confirming, fails, follow, linkIn, mailTo, newUser, ok, operator, signedIn,
  totp, trusting,
} from './lib.mjs'

const admin = (front = trusting) => operator(front).auth.admin

test('a user is made as the operator says', async () => {
  const email = address('made')
  const { user } = ok(await admin(confirming).createUser({
    email, password: PASSWORD, email_confirm: true, user_metadata: { name: 'M' }, app_metadata: { plan: 'gold' },
  }))
  assert.deepEqual([user.email, user.user_metadata.name, user.app_metadata.plan], [email, 'M', 'gold'])
  assert.ok(user.email_confirmed_at)
  const signedInUser = ok(await client(confirming).auth.signInWithPassword({ email, password: PASSWORD })).user
  assert.equal(signedInUser.id, user.id)
  fails(await admin(confirming).createUser({ email, password: PASSWORD }), 422, 'email_exists')
})

test('a user whose address is not confirmed does not get in', async () => {
  const email = address('unconfirmed')
  ok(await admin(confirming).createUser({ email, password: PASSWORD }))
  fails(await client(confirming).auth.signInWithPassword({ email, password: PASSWORD }), 400, 'email_not_confirmed')
})

test('a user is made with an id and a hash from elsewhere', async () => {
  const id = randomUUID()
  const email = address('imported')
  const password_hash = '$2b$10$46UVRN.vxB2Lhw5RZjXJWeUWM1WEHijK7Ft9LY1SLlLUXWQV66AJa'
  const { user } = ok(await admin().createUser({ id, email, password_hash, email_confirm: true }))
  assert.equal(user.id, id)
  ok(await client().auth.signInWithPassword({ email, password: 'correct horse battery staple' }))
})

test('a user is read and changed', async () => {
  const { supabase, user } = await signedIn()
  assert.equal(ok(await admin().getUserById(user.id)).user.email, user.email)
  const email = address('renamed')
  const changed = ok(await admin().updateUserById(user.id, {
    email, email_confirm: true, password: NEW_PASSWORD, user_metadata: { a: 1 }, app_metadata: { plan: 'silver' },
  })).user
  assert.deepEqual([changed.email, changed.user_metadata, changed.app_metadata.plan], [email, { a: 1 }, 'silver'])
  // A password that the operator changes ends all sessions.
  assert.notEqual((await supabase.auth.getUser()).error, null)
  ok(await client().auth.signInWithPassword({ email, password: NEW_PASSWORD }))
  fails(await admin().updateUserById(user.id, { email: (await newUser()).email }), 422, 'email_exists')
})

test('a user is deleted, with their sessions', async () => {
  const { supabase, user } = await signedIn()
  ok(await admin().deleteUser(user.id))
  assert.notEqual((await supabase.auth.getUser()).error, null)
  fails(await admin().getUserById(user.id), 404, 'user_not_found')
  fails(await admin().deleteUser(user.id), 404, 'user_not_found')
})

test('a user is deleted softly: the id stays, the address is free', async () => {
  const { email, id } = await newUser()
  ok(await admin().deleteUser(id, true))
  fails(await client().auth.signInWithPassword({ email, password: PASSWORD }), 400, 'invalid_credentials')
  ok(await admin().createUser({ email, password: PASSWORD }))
})

test('users are listed page by page', async () => {
  for (let i = 0; i < 3; i++) await newUser()
  const first = ok(await admin().listUsers({ page: 1, perPage: 2 }))
  const second = ok(await admin().listUsers({ page: first.nextPage, perPage: 2 }))
  assert.deepEqual([first.users.length, second.users.length, first.nextPage], [2, 2, 2])
  assert.ok(first.total >= 5, String(first.total))
  assert.equal(new Set([...first.users, ...second.users].map(({ id }) => id)).size, 4)
  const all = ok(await admin().listUsers())
  assert.ok(all.users.length >= 5)
  const last = ok(await admin().listUsers({ page: 1, perPage: 1000 }))
  assert.equal(last.nextPage, null)
  assert.equal(last.users.length, last.total)
})

test('somebody is invited by mail', async () => {
  const email = address('invited')
  const { user } = ok(await admin(confirming).inviteUserByEmail(email, { data: { team: 'red' } }))
  assert.deepEqual([user.email, user.user_metadata.team], [email, 'red'])
  assert.ok(user.invited_at)
  const { fragment } = await follow(linkIn(await mailTo(confirming, email, /invited/)))
  assert.equal(fragment.get('type'), 'invite')
  const supabase = client(confirming)
  assert.equal(ok(await supabase.auth.setSession(Object.fromEntries(fragment))).user.id, user.id)
  ok(await supabase.auth.updateUser({ password: PASSWORD }))
  ok(await client(confirming).auth.signInWithPassword({ email, password: PASSWORD }))
  fails(await admin(confirming).inviteUserByEmail(email), 422, 'email_exists')
})

test('a lost second factor is removed', async () => {
  const { supabase, user } = await signedIn()
  const factor = ok(await supabase.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'lost' }))
  ok(await supabase.auth.mfa.challengeAndVerify({ factorId: factor.id, code: totp(factor.totp.secret) }))
  const { factors } = ok(await admin().mfa.listFactors({ userId: user.id }))
  assert.deepEqual(factors.map(({ id, status }) => [id, status]), [[factor.id, 'verified']])
  ok(await admin().mfa.deleteFactor({ userId: user.id, id: factor.id }))
  assert.deepEqual(ok(await admin().mfa.listFactors({ userId: user.id })).factors, [])
  fails(await admin().mfa.deleteFactor({ userId: user.id, id: factor.id }), 404, 'mfa_factor_not_found')
})

test('neither the anon key nor a user acts as the operator', async () => {
  const { supabase, user, session } = await signedIn()
  const withToken = client(trusting, {}, { headers: { Authorization: `Bearer ${session.access_token}` } })
  for (const somebody of [client(), supabase, withToken]) {
    for (const call of [
      () => somebody.auth.admin.listUsers(), () => somebody.auth.admin.getUserById(user.id),
      () => somebody.auth.admin.createUser({ email: address('x'), password: PASSWORD }),
      () => somebody.auth.admin.updateUserById(user.id, { app_metadata: { role: 'admin' } }),
      () => somebody.auth.admin.deleteUser(user.id), () => somebody.auth.admin.inviteUserByEmail(address('x')),
      () => somebody.auth.admin.generateLink({ type: 'magiclink', email: user.email }),
      () => somebody.auth.admin.mfa.listFactors({ userId: user.id }),
    ]) {
      fails(await call(), 403, 'not_admin')
    }
  }
  ok(await supabase.auth.getUser())
})
