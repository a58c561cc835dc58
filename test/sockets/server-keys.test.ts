// A server that has several keys, and changes them while it runs.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connect, createServer, encodePublicKey, generateKeyPair, type SecureSocket } from '../../src/node/index.js'
import { secure } from '../../src/web/index.js'
import { cleanUpAfter, clientKeys, guarded, listen, next, rejects, throws, track } from '../support/sockets.js'
import { giveUpAfter, keep, streamPair } from '../support/web.js'

cleanUpAfter(test)
giveUpAfter(test)
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body)
const [one, two, three] = [generateKeyPair(), generateKeyPair(), generateKeyPair()]

check('authorize, the socket, and a channel over Web Streams know which key was asked for', async () => {
  const seen: string[] = []
  const server = track(
    createServer({
      keyPairs: [one, two],
      authorize: peer => seen.push(encodePublicKey(peer.localPublicKey)) > 0,
    }),
  )
  const port = await listen(server)
  for (const { publicKey } of [two, one]) {
    const [socket, [far]] = await Promise.all([
      connect({ host: '127.0.0.1', port, serverKeys: [publicKey, three.publicKey], keyPair: clientKeys }),
      next(server, 'secureConnection') as Promise<[SecureSocket]>,
    ])
    track(socket)
    track(far).destroy()
    assert.equal(far.localPublicKey, publicKey, 'also when it is closed')
    assert.equal(socket.localPublicKey, clientKeys.publicKey)
    socket.on('error', () => {})
    const [near, other] = streamPair()
    const opening = secure(near, { role: 'server', keyPairs: [one, two], authorize: 'anyone' })
    keep(await secure(other, { serverKey: publicKey }))
    assert.equal(keep(await opening).localPublicKey, publicKey)
  }
  assert.equal(
    seen,
    [two, one].map(it => encodePublicKey(it.publicKey)),
  )
})

check('setKeyPairs counts from the next connection on, and changes nothing if it fails', async () => {
  const server = track(createServer({ keyPair: one, authorize: 'anyone' }, it => track(it).pipe(it)))
  const port = await listen(server)
  const dial = async (serverKey: Uint8Array) => track(await connect({ host: '127.0.0.1', port, serverKey }))
  const early = await dial(one.publicKey)
  server.setKeyPairs({ keyPairs: [two, one] })
  for (const { publicKey } of [one, two]) await dial(publicKey)
  await rejects(dial(three.publicKey), 'LINK_CLOSED')
  throws(() => server.setKeyPairs({ keyPairs: [{ ...two, publicKey: three.publicKey }] }), 'USE_BAD_KEY')
  throws(() => server.setKeyPairs({} as never), 'USE_BAD_KEY')
  for (const { publicKey } of [one, two]) await dial(publicKey)
  server.setKeyPairs({ keyPair: two })
  await dial(two.publicKey)
  await rejects(dial(one.publicKey), 'PEER_KEY_MISMATCH')
  early.write('still here')
  assert.is(String((await next(early, 'data'))[0]), 'still here')
})

test.run()
