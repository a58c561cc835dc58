// In the API what the command has: key files, authorized keys that change, known servers.

import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  authorizedKeys,
  type ChannelError,
  connect,
  createServer,
  encodePublicKey,
  generateKeyPair,
  knownServers,
  type Peer,
  publicKeyOf,
  readKeyPair,
  type SecureSocket,
} from '../../src/node/index.js'
import { acceptWebSocket, connectWebSocket } from '../../src/web/index.js'
import { nopki, workFolder } from '../support/command.js'
import { cleanUpAfter, guarded, listen, next, rejects, serverKeys, throws, track } from '../support/sockets.js'
import { giveUpAfter, keep, socketPair } from '../support/web.js'

cleanUpAfter(test)
giveUpAfter(test)
const folder = workFolder(test)
const path = (name: string) => join(folder, name)
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 40_000)
const [alice, bob] = [generateKeyPair(), generateKeyPair()]
const lineOf = (pair: typeof alice, rest: string) => `${encodePublicKey(pair.publicKey)} ${rest}\n`

/** As an editor does it, at once. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

async function serve(authorize: (peer: Peer) => object) {
  const server = track(createServer({ keyPair: serverKeys, authorize, allowHalfOpen: true }))
  const port = await listen(server)
  return async (keyPair: typeof alice) => {
    const coming = next(server, 'secureConnection') as Promise<[SecureSocket]>
    const target = { host: '127.0.0.1', port, serverKey: serverKeys.publicKey, keyPair, waitForAccept: true }
    const socket = track(await connect(target)).on('error', () => {})
    const [far] = await coming
    track(far).on('error', () => {})
    return { socket, far }
  }
}

check('readKeyPair reads what keygen writes, and looks at who else may read it', async () => {
  const made = await nopki(['keygen', '-o', path('plain.key')])
  const pair = await readKeyPair(path('plain.key'))
  assert.is(encodePublicKey(pair.publicKey), String(made.out).trim())
  assert.equal(publicKeyOf(pair.secretKey), pair.publicKey)
  chmodSync(path('plain.key'), 0o644)
  const error = await rejects(readKeyPair(path('plain.key')), 'USE_BAD_FILE')
  assert.match(error.message, /others than its owner may read \S+plain\.key \(mode 0644\); chmod 600/)
  assert.equal(await readKeyPair(path('plain.key'), { insecure: true }), pair)
  await rejects(readKeyPair(path('none.key')), /USE_BAD_FILE: there is no file \S+none\.key; nopki keygen/)
  writeFileSync(path('two.key'), 'sk_x', { mode: 0o600 })
  const bad = await rejects(readKeyPair(path('two.key')), /USE_BAD_FILE: \S+two\.key:1: a secret key was expected/)
  assert.not.match(bad.message, /sk_x/)
  await rejects(readKeyPair(undefined as never), 'USE_BAD_OPTION')
})

check('readKeyPair opens a file under a passphrase', async () => {
  writeFileSync(path('phrase'), 'correct horse\n', { mode: 0o600 })
  await nopki(['keygen', '-o', path('sealed.key'), '--passphrase-file', path('phrase')])
  const pair = await readKeyPair(path('sealed.key'), { passphrase: async () => 'correct horse' })
  assert.match(readFileSync(path('sealed.key'), 'utf8'), new RegExp(encodePublicKey(pair.publicKey)))
  await rejects(readKeyPair(path('sealed.key')), /USE_BAD_FILE: \S+ is under a passphrase; give it as the option/)
  await rejects(readKeyPair(path('sealed.key'), { passphrase: 'wrong' }), /USE_BAD_FILE: the passphrase does not open/)
})

check('authorizedKeys lets in who is in the file, by name, and drops at once who is no longer', async () => {
  const file = path('authorized')
  replace(file, lineOf(alice, 'alice') + lineOf(bob, 'bob'))
  const authorize = authorizedKeys(file)
  const dial = await serve(authorize)
  const [one, two] = [await dial(alice), await dial(bob)]
  assert.equal(one.far.authorization, { name: 'alice', key: encodePublicKey(alice.publicKey) })
  const stranger = await rejects(dial(generateKeyPair()), 'PEER_NOT_AUTHORIZED')
  assert.match(String((stranger as ChannelError).alert?.text), /^this key is not authorized \(pk_/)

  // It is noticed by itself.
  const failed = next(one.socket, 'error')
  const closed = next(one.far, 'close')
  replace(file, lineOf(bob, 'bob'))
  const [error] = (await failed) as [ChannelError]
  assert.is(error.code, 'PEER_NOT_AUTHORIZED')
  assert.match(String(error.alert?.text), /this key is not authorized/)
  assert.equal(await closed, [false])
  await rejects(dial(alice), 'PEER_NOT_AUTHORIZED')
  two.socket.write('still here')
  assert.is(String((await next(two.far, 'data'))[0]), 'still here')

  replace(file, lineOf(alice, 'alice'))
  authorize.reload()
  await next(two.far, 'close')
  await dial(alice)
  authorize.close()
})

check('so is one to whom the program’s own authorize attaches something else', async () => {
  const file = path('wrapped')
  replace(file, lineOf(alice, 'alice'))
  const authorize = authorizedKeys(file)
  const { socket, far } = await (await serve(peer => ({ who: authorize(peer).name })))(alice)
  assert.equal(far.authorization, { who: 'alice' })
  const failed = next(socket, 'error')
  replace(file, '# nobody\n')
  authorize.reload()
  assert.is(((await failed) as [ChannelError])[0].code, 'PEER_NOT_AUTHORIZED')
  authorize.close()
})

check('one that does not read is dropped all the same', async () => {
  const file = path('flooded')
  replace(file, lineOf(alice, 'alice'))
  const authorize = authorizedKeys(file)
  const { socket, far } = await (await serve(authorize))(alice)
  socket.pause()
  while (far.write(Buffer.alloc(1 << 20))) {}
  const closed = next(far, 'close')
  replace(file, '# nobody\n')
  authorize.reload()
  await closed
  authorize.close()
})

check('a file that goes wrong changes nothing, and says so', async () => {
  const file = path('wrong')
  replace(file, lineOf(alice, 'alice'))
  const troubles: string[] = []
  const authorize = authorizedKeys(file, { onTrouble: error => troubles.push(error.message) })
  const dial = await serve(authorize)
  replace(file, 'pk_short alice\n')
  authorize.reload()
  authorize.reload()
  assert.is(troubles.length, 1)
  assert.match(troubles[0]!, /^USE_BAD_FILE: \S+wrong:1: a public key was expected/)
  assert.match(authorize.trouble, /wrong:1/)
  await dial(alice)
  replace(file, lineOf(alice, 'alice'))
  authorize.reload()
  assert.is(authorize.trouble, '')
  authorize.close()
  throws(() => authorizedKeys(path('none')), /USE_BAD_FILE: \S+none cannot be read/)
})

check('conditions: to= is the target that is named, and an expired key is refused', async () => {
  const file = path('conditions')
  replace(file, lineOf(alice, 'alice to=6379') + lineOf(bob, 'bob expires=2020-01-01'))
  const named = authorizedKeys(file, { target: '127.0.0.1:6379' })
  const dial = await serve(named)
  await dial(alice)
  assert.match((await rejects(dial(bob), 'PEER_NOT_AUTHORIZED')).message, /this key has expired/)
  const unnamed = authorizedKeys(file)
  await rejects((await serve(unnamed))(alice), /not authorized for this service/)
  for (const it of [named, unnamed]) it.close()
})

check('a channel over a WebSocket is dropped too', async () => {
  const file = path('web')
  replace(file, lineOf(alice, 'alice'))
  const authorize = authorizedKeys(file)
  const [near, far] = await socketPair()
  const accepting = acceptWebSocket(far, { keyPair: serverKeys, authorize })
  const client = keep(await connectWebSocket(near, { keyPair: alice, serverKey: serverKeys.publicKey }))
  keep(await accepting).closed.catch(() => {})
  const gone = rejects(client.closed, 'PEER_NOT_AUTHORIZED')
  replace(file, '# nobody\n')
  authorize.reload()
  await gone
  authorize.close()
})

check('it keeps no process alive', async () => {
  const file = path('alone')
  replace(file, lineOf(alice, 'alice'))
  const entry = new URL('../../src/node/index.js', import.meta.url).href
  const program = `import { authorizedKeys } from '${entry}'; authorizedKeys(process.argv[1]); console.log('over')`
  assert.is(String(execFileSync(process.execPath, ['--input-type=module', '-e', program, file])), 'over\n')
})

check('knownServers remembers a key by host and port, once, where the command finds it', async () => {
  const known = knownServers(path('config/known_servers'))
  assert.is(known.find('db.example:4433'), undefined)
  assert.is(known.remember('db.example:4433', alice.publicKey), true)
  assert.is(known.remember('DB.example:4433', alice.publicKey), false)
  assert.equal(known.find('db.example:4433'), alice.publicKey)
  throws(
    () => known.remember('db.example:4433', bob.publicKey),
    /USE_BAD_FILE: THE KEY OF db\.example:4433 HAS CHANGED/,
  )
  assert.match(readFileSync(known.file, 'utf8'), /^db\.example:4433 pk_\S+ # first met /)
  assert.match(knownServers().file, /nopki\/known_servers$/)
})

test.run()
