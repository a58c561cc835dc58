import type { Pipe } from '../contestants/contestant.js'

// What a client asks a server for: a header, then the job’s bytes.
//
//   mode u32 ‖ size of a write u32 ‖ bytes f64
//
// As soon as a server has proved who its client is, it sends one byte. What it answers to a job depends on the mode.

/** The server counts, and answers when all of it is there. */
export const TAKE = 1
/** The same, and the server sends as much at the same time. */
export const EXCHANGE = 2
/** The server sends back what comes, and nothing else. */
export const ECHO = 3

export const HEADER_BYTES = 16
/** Microseconds of processor time that the server’s process has spent on the job, f64. */
export const ANSWER_BYTES = 8

export interface Job {
  mode: number
  write: number
  bytes: number
}

export function writeHeader({ mode, write, bytes }: Job): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(mode, 0)
  header.writeUInt32LE(write, 4)
  header.writeDoubleLE(bytes, 8)
  return header
}

export function readHeader(header: Buffer): Job {
  return { mode: header.readUInt32LE(0), write: header.readUInt32LE(4), bytes: header.readDoubleLE(8) }
}

/** Writes `bytes` in equal writes, as fast as the pipe takes them; `done` when it has taken the last. */
export function pour(pipe: Pipe, bytes: number, write: number, done: () => void = () => {}): void {
  const chunk = Buffer.alloc(write, 7)
  let left = bytes
  const go = () => {
    while (left > 0) {
      left -= write
      if (!pipe.write(chunk)) return void pipe.once('drain', go)
    }
    done()
  }
  go()
}

/** User and system time of this process, in microseconds. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Pages of memory that this process had to be given by the system since its start. */
export function pageFaults(): number {
  return process.resourceUsage().minorPageFault
}
