// A fast writer and a reader that stops, over WebSockets that take all they are given: neither end may fill its memory.

import { type ChildProcess, fork } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

interface Report {
  port?: number
  done: number
  growth: number
  sha256?: string
}

const TOTAL = 256 * 1024 * 1024
const LIMIT = 64 * 1024 * 1024
const script = new URL('../support/web-gush.js', import.meta.url)
const children: ChildProcess[] = []

test.after.each(() => {
  for (const child of children.splice(0)) child.kill()
})

class End {
  last: Report = { done: 0, growth: 0 }
  #child: ChildProcess
  #waiting: (() => void)[] = []

  constructor(job: 'read' | 'write', port: number) {
    this.#child = fork(script, [job, String(port), String(TOTAL)])
    children.push(this.#child)
    this.#child.on('message', (report: Report) => {
      this.last = { ...this.last, ...report }
      for (const wake of this.#waiting.splice(0)) wake()
    })
  }

  go(): void {
    this.#child.send('go')
  }

  async until(condition: (report: Report) => unknown): Promise<Report> {
    while (!condition(this.last)) await new Promise<void>(resolve => this.#waiting.push(resolve))
    return this.last
  }
}

for (const [listener, dialler] of [
  ['read', 'write'],
  ['write', 'read'],
] as const) {
  test(`256 MiB: the server is to ${listener}, the client to ${dialler}`, async () => {
    const server = new End(listener, 0)
    const { port = 0 } = await server.until(it => it.port)
    const client = new End(dialler, port)
    const [reader, writer] = listener === 'read' ? [server, client] : [client, server]
    await reader.until(it => it.done > 0)
    // The writer has stopped when it reports the same over and over.
    let stopped = 0
    for (let seen = -1; stopped < 20; ) {
      const before = writer.last
      const { done } = await writer.until(it => it !== before)
      stopped = done === seen ? stopped + 1 : 0
      seen = done
    }
    assert.ok(writer.last.done < 8 * 1024 * 1024, `${writer.last.done} bytes were taken of a writer that nobody reads`)
    reader.go()
    const [read, wrote] = await Promise.all([reader.until(it => it.sha256), writer.until(it => it.sha256)])
    console.log(
      `reader ${Math.round(read.growth / 1048576)} MiB above start, writer ${Math.round(wrote.growth / 1048576)} MiB`,
    )
    assert.is(read.done, TOTAL)
    assert.is(read.sha256, wrote.sha256)
    assert.ok(read.growth < LIMIT, `the reader grew by ${read.growth} bytes`)
    assert.ok(wrote.growth < LIMIT, `the writer grew by ${wrote.growth} bytes`)
  })
}

test.run()
