// What holds for all commands: in nopki(1) and docs/cli.md.

import type { Note } from '../frame/command.js'

export const SUMMARY = 'a secure channel between programs that know each other by public key'

export const ABOUT: readonly Note[] = [
  {
    heading: 'Output',
    text: `Data goes to standard output, everything else to standard error. What goes wrong is an error line, and most often a hint
      line behind it that says what to do. With --json each line of output is one JSON value. NO_COLOR turns colours off, as does an output
      that is no terminal.`,
  },
  {
    heading: 'Exit code',
    text: '0 where all went well, 1 where something failed, 2 where the command was called in a wrong way.',
  },
  {
    heading: 'Keys and addresses',
    text: `Public keys are written pk_…, secret keys sk_…; secret keys are kept in files, and are never arguments. A server’s address
      with its key is nopki://pk_…@HOST:PORT, with ?middlebox=pk_… where a router is to find it, and &version=1 for a server that knows
      no other. Where a command listens, or has a service, a place is HOST:PORT, PORT or unix:PATH. An IPv6 address
      stands in brackets, with its zone if it has one: [fe80::1%eth0]:4433. If a name has several addresses, they are tried side by side.

      To listen at unix:PATH, a command replaces a socket that nobody listens at. Whatever else is at PATH stays, a symbolic link too, and
      the command fails. When it ends it removes its own socket, and no other that has come in its place.`,
  },
  {
    heading: 'Signals',
    text: `Commands that serve end on SIGTERM, SIGINT or SIGQUIT when what is open has ended, or its time is over; a second signal ends it at once.
      SIGHUP reads files anew, and so do SIGUSR1 and SIGUSR2.`,
  },
]

/** A text as it is declared, over several lines of source, in paragraphs without line breaks. */
export function paragraphs(text: string): string[] {
  return text.split('\n\n').map(it => it.replace(/\s+/g, ' ').trim())
}
