import type { Pipe } from '../contestants/contestant.js'
import { ANSWER_BYTES, ECHO, EXCHANGE, HEADER_BYTES, type Job, pour, processorTime, readHeader } from './job.js'

/** Serves one client: job after job, until it goes. */
export function respond(pipe: Pipe): void {
  const header = Buffer.alloc(HEADER_BYTES)
  let filled = 0
  let job: Job | undefined
  let left = 0
  let poured = true
  let started = 0

  const begin = () => {
    job = readHeader(header)
    filled = 0
    left = job.bytes
    started = processorTime()
    if (job.mode !== EXCHANGE) return
    poured = false
    pour(pipe, job.bytes, job.write, () => {
      poured = true
      finish()
    })
  }

  const finish = () => {
    if (!job || left > 0 || !poured) return
    const { mode } = job
    job = undefined
    if (mode === ECHO) return
    const answer = Buffer.alloc(ANSWER_BYTES)
    answer.writeDoubleLE(processorTime() - started)
    pipe.write(answer)
  }

  pipe.on('error', () => {})
  pipe.on('data', (chunk: Buffer) => {
    let at = 0
    while (at < chunk.length) {
      if (job) {
        const length = Math.min(left, chunk.length - at)
        if (job.mode === ECHO) pipe.write(chunk.subarray(at, at + length))
        left -= length
        at += length
        finish()
      } else {
        const length = Math.min(HEADER_BYTES - filled, chunk.length - at)
        header.set(chunk.subarray(at, at + length), filled)
        filled += length
        at += length
        if (filled === HEADER_BYTES) begin()
      }
    }
  })
  pipe.write(Buffer.of(1))
}
