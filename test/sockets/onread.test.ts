// Sockets that read into one shared buffer: which ones do, and that none overwrites what another has not taken yet.

import net from 'node:net'
import { PassThrough } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readShared } from '../../src/node/onread.js'
import {
  cleanUpAfter,
  guarded,
  hashOf,
  next,
  pair,
  plainPair,
  readAll,
  someBytes,
  track,
  until,
} from '../support/sockets.js'

cleanUpAfter(test)

const nobody = (): true => assert.unreachable('nothing was sent') as never

// Where this fails, Node has changed inside: channels still work, through the 'data' event, but slower.
guarded(test, 'sockets that connect, and sockets that a server accepts, read into the shared buffer', async () => {
  const [near, far] = await plainPair()
  const heard: string[] = []
  for (const socket of [near, far]) {
    const hear = (length: number, buffer: Uint8Array): true => {
      heard.push(Buffer.from(buffer.subarray(0, length)).toString())
      return true
    }
    assert.ok(readShared(socket, hear))
    socket.resume()
  }
  near.write('to the server')
  await until(() => heard.length === 1)
  far.write('to the client')
  await until(() => heard.length === 2)
  assert.equal(heard, ['to the server', 'to the client'])
  const ended = next(far, 'end')
  near.end()
  await ended
})

guarded(test, 'what is no plain socket, or is read already, keeps its data event', async () => {
  const [near, far] = await plainPair()
  assert.not(readShared(new PassThrough(), nobody))
  class Wrapped extends net.Socket {}
  assert.not(readShared(track(new Wrapped()), nobody))
  assert.not(readShared(track(new net.Socket()), nobody), 'one that is not connected')
  near.on('data', nobody)
  assert.not(readShared(near, nobody), 'somebody listens')
  near.write('early')
  await until(() => far.readableLength > 0)
  assert.not(readShared(far, nobody), 'bytes wait in its buffer')
  assert.is(String(far.read()), 'early')
})

guarded(test, 'what waits on a connection that is not read stays as it came, while others read', async () => {
  const { client, server, serverTransport } = await pair(2)
  const data = someBytes(300_000)
  // The stream's buffer is full, and the link has stopped, when the last piece comes.
  client.write(data.subarray(0, 65_536))
  await until(() => server.readableLength === 65_536)
  const before = serverTransport.bytesRead
  client.write(data.subarray(65_536, 66_536))
  await until(() => serverTransport.bytesRead > before + 1000)
  const busy = await pair(2)
  const heard = readAll(busy.server)
  busy.client.end(data)
  assert.is(hashOf(await heard), hashOf(data))
  client.end(data.subarray(66_536))
  assert.is(hashOf(await readAll(server)), hashOf(data))
})

test.run()
