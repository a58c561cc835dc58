import type { KeyLog } from '../../inspect/index.js'
import { badLinesText, readKeyLog } from '../../inspect/keylog.js'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'

/** The keys in a key log's bytes; it warns of lines that are none. @throws Failure, which names the file and the line, if all are */
export function keyLogIn(bytes: Uint8Array, file: string): KeyLog {
  try {
    const read = readKeyLog(Buffer.from(bytes).toString())
    const bad = badLinesText(read)
    if (bad) log.warn(`${file}: ${bad}`)
    return read.keys
  } catch (error) {
    throw new Failure(
      `${file}: ${(error as Error).message}`,
      'give a file that --keylog of another command has written',
    )
  }
}
