import { WatchedFile } from '../../node/files/watched.js'
import { Failure } from './failure.js'
import { log } from './output.js'

/** A file that a command goes on reading, and says so. @throws what `parse` throws, where the file is wrong at the start */
export function watch<T>(
  path: string,
  parse: (text: string, path: string) => T,
  onChange: (value: T) => void,
): WatchedFile<T> {
  return new WatchedFile(path, parse, {
    onChange(value) {
      log.info(`${path} was read anew`)
      onChange(value)
    },
    onTrouble: logTrouble,
  })
}

export function logTrouble(error: Error): void {
  const { message, hint } = Failure.of(error)
  log.warn(`${message}; what was read before stays in force`, hint)
}
