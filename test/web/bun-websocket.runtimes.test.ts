// bunWebSocket in Bun: what a WebSocket of its server says and does beyond carrying a channel, which the suite tests.

import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { findRuntime } from '../runtimes/binaries.js'
import { scratchProject } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'
import { guarded, next, until } from '../support/sockets.js'

const PROGRAM = `
import { generateKeyPair } from 'nopki'
import { acceptWebSocket, bunWebSocket } from 'nopki/web'
const say = it => console.log(JSON.stringify(it))
const options = { keyPair: generateKeyPair(), authorize: 'anyone' }
const { open, ...others } = bunWebSocket(async (socket, own) => {
  if (own.data === 'flood') {
    const start = [socket.readyState, socket.bufferedAmount]
    let most = 0
    for (let at = 0; at < 64 && socket.readyState === 1; at++) {
      socket.send(new Uint8Array(1 << 20))
      most = Math.max(most, socket.bufferedAmount)
    }
    return say({ start, closes: socket.readyState > 1, waited: most > 0 })
  }
  await acceptWebSocket(socket, options).catch(({ code, message }) => say({ code, message }))
})
const { port } = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: (request, server) => {
    const data = new URL(request.url).pathname.slice(1)
    return server.upgrade(request, { data }) ? undefined : new Response(null, { status: 426 })
  },
  websocket: { open, ...others, backpressureLimit: 1 << 20 },
})
say({ port })
`

const bun = findRuntime('bun')
const lines: { port?: number; code?: string; message?: string }[] = []
let child: ChildProcess

async function dial(path = ''): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${lines[0]?.port}/${path}`)
  await next(socket, 'open')
  return socket
}

/** What the server says next. */
async function said(): Promise<(typeof lines)[number]> {
  await until(() => lines.length > 1)
  return lines.pop()!
}

function check(name: string, run: () => Promise<void>): void {
  if (typeof bun === 'string') skipped(name, bun)
  else guarded(test, name, run)
}

test.before(async () => {
  if (typeof bun === 'string') return
  const { folder } = await scratchProject()
  writeFileSync(join(folder, 'server.js'), PROGRAM)
  child = spawn(bun.path, ['server.js'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  createInterface({ input: child.stdout! }).on('line', line => lines.push(JSON.parse(line)))
  await until(() => lines.length > 0)
})
test.after(() => void child?.kill('SIGKILL'))

check('the code and the reason of a close', async () => {
  const socket = await dial()
  socket.close(4001, 'gone')
  const { code, message } = await said()
  assert.is(code, 'LINK_CLOSED')
  assert.match(message ?? '', 'closed with code 4001 (gone)')
})

check('a text message closes it with 4000', async () => {
  const socket = await dial()
  const closed = next(socket, 'close')
  socket.send('hello?')
  assert.is((await said()).code, 'PEER_MALFORMED')
  assert.is((await closed)[0], 4000)
})

check('what waits is known; a message that Bun drops closes it with 1011', async () => {
  const socket = await dial('flood')
  socket.pause()
  const closed = next(socket, 'close')
  assert.equal(await said(), { start: [1, 0], closes: true, waited: true })
  socket.resume()
  assert.is((await closed)[0], 1011)
})

test.run()
