// A passphrase comes from the terminal, without being shown, or from a file or descriptor: never from an argument or the environment,
// where others can read it.

import { openSync, readFileSync } from 'node:fs'
import { ReadStream, WriteStream } from 'node:tty'
import { readPrivate, type Trust } from '../../node/files/private-file.js'
import { Failure } from '../frame/failure.js'

/** The first line of a file, or of a descriptor `fd:N`. */
export function readPassphrase(source: string, trust: Trust = 'checked'): string {
  const text = /^fd:\d{1,4}$/.test(source) ? readDescriptor(Number(source.slice(3))) : readPrivate(source, { trust })
  // An editor’s byte order mark is no part of it.
  return checkPassphrase(text.replace(/^\ufeff/, '').split(/\r?\n/, 1)[0] ?? '')
}

function readDescriptor(descriptor: number): string {
  try {
    return readFileSync(descriptor, 'utf8')
  } catch (error) {
    throw new Failure(`the passphrase cannot be read from descriptor ${descriptor}: ${(error as Error).message}`)
  }
}

/** Asks at the terminal, whatever standard input is. `twice`: for a new one, which a slip would make useless. */
export async function askPassphrase(prompt: string, twice = false): Promise<string> {
  const terminal = openTerminal()
  try {
    const passphrase = checkPassphrase(await ask(terminal, prompt))
    if (twice && (await ask(terminal, 'the same again: ')) !== passphrase) {
      throw new Failure('the two passphrases are not the same', 'nothing was written; try again')
    }
    return passphrase
  } finally {
    terminal.input.destroy()
    if (terminal.output !== process.stderr) terminal.output.destroy()
  }
}

interface Terminal {
  input: ReadStream
  output: NodeJS.WriteStream | WriteStream
}

function openTerminal(): Terminal {
  try {
    return { input: new ReadStream(openSync('/dev/tty', 'r')), output: new WriteStream(openSync('/dev/tty', 'w')) }
  } catch {
    if (process.stdin.isTTY) return { input: process.stdin as ReadStream, output: process.stderr }
    throw new Failure(
      'a passphrase is needed, and there is no terminal to ask for it',
      'give --passphrase-file FILE, or fd:N for an open descriptor',
    )
  }
}

/** One line, not echoed. The terminal is in raw mode meanwhile, so the few keys that edit a line are ours to obey. */
function ask({ input, output }: Terminal, prompt: string): Promise<string> {
  // First, so that nothing typed is shown, however soon it comes.
  input.setRawMode(true)
  output.write(prompt)
  return new Promise((resolve, reject) => {
    let typed = ''
    const end = (error?: Error) => {
      input.off('data', onData)
      input.off('end', onEnd)
      input.setRawMode(false)
      input.pause()
      output.write('\n')
      if (error) reject(error)
      else resolve(typed)
    }
    const onEnd = () => end(new Failure('the terminal was closed before a passphrase was given'))
    const onData = (chunk: Buffer) => {
      for (const key of chunk.toString('utf8')) {
        if (key === '\r' || key === '\n') return end()
        if (key === '\x03' || (key === '\x04' && typed === '')) return end(new Failure('no passphrase was given'))
        if (key === '\x7f' || key === '\b') typed = [...typed].slice(0, -1).join('')
        else if (key === '\x15') typed = ''
        else if (key >= ' ') typed += key
      }
    }
    input.on('data', onData)
    input.once('end', onEnd)
    input.resume()
  })
}

function checkPassphrase(passphrase: string): string {
  if (passphrase === '') throw new Failure('the passphrase is empty', 'an empty one protects nothing')
  return passphrase
}
