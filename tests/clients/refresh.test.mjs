// Refreshing: by hand, when a session is near its end, by the clock, in two tabs, with a lost answer.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import test from 'node:test'
import { Storage, client, events, fails, ok, signedIn, trusting, until } from './lib.mjs'

// Makes a client believe that its access token is about to expire.
function nearItsEnd(storage) {
  for (const [key, text] of storage.items) {
    const session = JSON.parse(text)
    if (session?.expires_at) storage.setItem(key, JSON.stringify({ ...session, expires_at: Math.floor(Date.now() / 1000) + 30 }))
  }
}

async function works(supabase, user) {
  assert.equal(ok(await supabase.auth.getUser()).user.id, user.id)
}

test('refreshing gives another access token and another refresh token', async () => {
  const { supabase, user, session } = await signedIn()
  const fresh = ok(await supabase.auth.refreshSession()).session
  assert.notEqual(fresh.access_token, session.access_token)
  assert.notEqual(fresh.refresh_token, session.refresh_token)
  assert.equal(fresh.user.id, user.id)
  await works(supabase, user)
})

test('a session near its end is refreshed by whoever reads it', async () => {
  const storage = new Storage()
  const { supabase, user, session } = await signedIn(trusting, { storage })
  nearItsEnd(storage)
  const read = ok(await supabase.auth.getSession()).session
  assert.notEqual(read.refresh_token, session.refresh_token)
  await works(supabase, user)
})

test('a session near its end is refreshed by the clock', async () => {
  const storage = new Storage()
  const { user, session } = await signedIn(trusting, { storage })
  nearItsEnd(storage)
  const supabase = client(trusting, { storage, autoRefreshToken: true })
  const seen = events(supabase)
  await until(() => seen.includes('TOKEN_REFRESHED'), 'a refresh')
  await supabase.auth.stopAutoRefresh()
  assert.notEqual(ok(await supabase.auth.getSession()).session.refresh_token, session.refresh_token)
  await works(supabase, user)
})

test('two tabs that share a storage refresh at the same time', async () => {
  const storage = new Storage()
  const { user } = await signedIn(trusting, { storage })
  nearItsEnd(storage)
  const tabs = [client(trusting, { storage }), client(trusting, { storage })]
  await Promise.all(tabs.map((tab) => tab.auth.getSession()))
  for (const tab of tabs) await works(tab, user)
  for (const tab of tabs) ok(await tab.auth.refreshSession())
  for (const tab of tabs) await works(tab, user)
})

test('ten clients that know one refresh token use it at the same time, and all go on', async () => {
  const { user, session } = await signedIn()
  const clients = Array.from({ length: 10 }, () => client())
  const answers = await Promise.all(clients.map(({ auth }) => auth.refreshSession({ refresh_token: session.refresh_token })))
  const tokens = new Set(answers.map((answer) => ok(answer).session.refresh_token))
  assert.equal(tokens.size, 1)
  for (const one of clients) await works(one, user)
  for (const one of clients) ok(await one.auth.refreshSession())
})

test('an answer that was lost on its way is asked for again', async () => {
  const { user, session } = await signedIn()
  let lost = 0
  const proxy = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray())
    const answer = await fetch(trusting.url + request.url, { method: request.method, headers: request.headers, body })
    const text = await answer.text()
    // The server has done its work; the client never hears of it.
    if (lost++ === 0) return request.socket.destroy()
    response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(text)
  })
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  try {
    const supabase = client({ ...trusting, url: `http://127.0.0.1:${proxy.address().port}` })
    const fresh = ok(await supabase.auth.refreshSession({ refresh_token: session.refresh_token })).session
    assert.equal(lost, 2)
    assert.notEqual(fresh.refresh_token, session.refresh_token)
    const direct = client()
    ok(await direct.auth.setSession(fresh))
    ok(await direct.auth.refreshSession())
    await works(direct, user)
  } finally {
    proxy.close()
    proxy.closeAllConnections()
  }
})

test('a session is taken over from elsewhere', async () => {
  const { user, session } = await signedIn()
  const supabase = client()
  assert.equal(ok(await supabase.auth.setSession(session)).user.id, user.id)
  ok(await supabase.auth.refreshSession())
  await works(supabase, user)
})

test('a refresh token that is none is refused', async () => {
  fails(await client().auth.refreshSession({ refresh_token: 'nonsense' }), 400, 'refresh_token_not_found')
})

test('after a sign-out the refresh token is worth nothing', async () => {
  const { supabase, session } = await signedIn()
  ok({ data: null, ...await supabase.auth.signOut() })
  const { error } = await client().auth.refreshSession({ refresh_token: session.refresh_token })
  assert.equal(error.status, 400)
})
