// rekey() that has to wait, for room or for the server: it goes out once, ahead of what is written next. Seen on the wire.

import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Core, RecordOpener, type WireBytes } from '../../src/engine/index.js'
import { Conversation, fields } from '../../src/inspect/index.js'
import { connectSocket, type SecureSocket } from '../../src/node/index.js'
import { wasm } from '../support/engines.js'
import { cleanUpAfter, clientKeys, dial, guarded, serve, serverKeys, track, VERSIONS } from '../support/sockets.js'

cleanUpAfter(test)

/** How much data each of a client’s records carries. Those that turn the key over carry none, and the final one. */
function clientRecords() {
  const core = new Core(wasm)
  const opener = (version: 1 | 2, key: Uint8Array, header?: Uint8Array) => new RecordOpener(core, version, key, header)
  const conversation = new Conversation({ opener })
  const lengths: number[] = []
  const onWire = ({ direction, bytes }: WireBytes) => {
    for (const { kind, plaintext, trouble } of conversation.push(direction, bytes).messages) {
      if (direction === 'server' || !kind.startsWith('record')) continue
      // A record under another key than this one says that it does not open.
      assert.is(trouble, undefined)
      const data = fields('plaintext', plaintext!).filter(it => it.name === 'data')
      lengths.push(data.reduce((sum, it) => sum + it.bytes.length, 0))
    }
  }
  return { lengths, watched: { onWire, onKeys: conversation.onKeys }, close: () => conversation.close() }
}

const written = (socket: SecureSocket, data: Uint8Array | string) =>
  new Promise<void>((resolve, reject) => socket.write(data, error => (error ? reject(error) : resolve())))

async function ended(socket: SecureSocket): Promise<void> {
  socket.end()
  await once(socket.resume(), 'close')
}

for (const version of VERSIONS) {
  const check = (name: string, run: () => Promise<void>) => guarded(test, `v${version}: ${name}`, run)

  check('before the server has proved its key', async () => {
    const { server, port } = await serve()
    server.on('secureConnection', socket => socket.resume())
    const { lengths, watched, close } = clientRecords()
    const pinned = { keyPair: clientKeys, serverKey: serverKeys.publicKey }
    const socket = track(connectSocket({ host: '127.0.0.1', port, version, ...pinned, ...watched }))
    socket.rekey()
    socket.rekey()
    await written(socket, 'first')
    await written(socket, 'next')
    await ended(socket)
    assert.equal(lengths, [0, 5, 4, 0])
    close()
  })
}

// A record of its own that does not fit behind them, if all are equally long.
for (const padding of ['none', 'full'] as const) {
  guarded(test, `v1, padding ‘${padding}’: behind as much as fits, which the version’s pace keeps back`, async () => {
    const { server, port } = await serve()
    server.on('secureConnection', socket => socket.resume())
    const { lengths, watched, close } = clientRecords()
    const socket = await dial(port, { version: 1, padding, ...watched })
    const writes = [written(socket, Buffer.alloc(400_000)), written(socket, 'behind')]
    socket.rekey()
    await Promise.all(writes)
    await written(socket, 'next')
    await ended(socket)
    // 64 KiB of records were sealed when it was asked for.
    const full = Array<number>(8).fill(8170)
    assert.equal(lengths.slice(0, 10), [...full, 0, 8170])
    assert.equal(lengths.slice(-3), [6, 4, 0])
    assert.is(lengths.filter(it => it === 0).length, 2)
    close()
  })
}

test.run()
