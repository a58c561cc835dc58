import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connect } from '../../src/node/index.js'

const EXAMPLE = fileURLToPath(new URL('../../../examples/cluster.js', import.meta.url))
const PATIENCE_MS = 60_000

test('examples/cluster.js: all workers serve one address with one key; one that dies is replaced; all end together', async () => {
  const primary = spawn(process.execPath, [EXAMPLE, '0', '2'], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = await once(primary.stdout, 'data')
    const address = String(line).trim()
    const workers = await answeredBy(address, pids => pids.size === 2)
    const [dies] = workers
    process.kill(Number(dies), 'SIGKILL')
    const others = await answeredBy(address, pids => [...pids].filter(pid => pid !== dies).length === 2)
    primary.kill('SIGTERM')
    assert.equal(await once(primary, 'exit'), [0, null])
    for (const pid of others) assert.throws(() => process.kill(Number(pid), 0), /ESRCH/, `process ${pid} is gone`)
  } finally {
    end(primary)
  }
})

/** Asks until those who have answered are enough. While a worker dies, its connections do. */
async function answeredBy(address: string, enough: (pids: Set<string>) => boolean): Promise<Set<string>> {
  const pids = new Set<string>()
  const end = Date.now() + PATIENCE_MS
  while (!enough(pids)) {
    assert.ok(Date.now() < end, `only ${[...pids]} have answered`)
    try {
      // One that was handed to the dying worker is never answered.
      const socket = await connect(address, { allowHalfOpen: true, handshakeTimeout: 2000 })
      socket.end('hello')
      let answer = ''
      for await (const chunk of socket) answer += chunk
      const [, hash, pid] = /^(\w+) from process (\d+)\n$/.exec(answer) ?? []
      assert.is(hash, createHash('sha256').update('hello').digest('hex'))
      pids.add(pid!)
    } catch (error) {
      if (!/^(?:LINK_|ECONN)/.test((error as { code?: string }).code ?? '')) throw error
    }
  }
  return pids
}

function end(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
}

test.run()
