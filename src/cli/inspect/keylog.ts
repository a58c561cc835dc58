import { type KeyLog, parseKeyLog } from '../../inspect/index.js'
import { Failure } from '../frame/failure.js'

/** The keys in a key log's bytes. @throws Failure, which names the file and the line */
export function keyLogIn(bytes: Uint8Array, file: string): KeyLog {
  try {
    return parseKeyLog(Buffer.from(bytes).toString('latin1'))
  } catch (error) {
    throw new Failure(
      `${file}: ${(error as Error).message}`,
      'give a file that --keylog of another command has written',
    )
  }
}
