// What the two ends say once they are connected: every kind of record, in the order in which it is best understood.

import type { Engine, Version } from '../../engine/index.js'
import { ALERT_SHUTTING_DOWN } from '../../wire/stream.js'
import type { Role } from './end.js'

export type Speech =
  | { role: Role; what: 'data'; text: string; endOfMessage?: boolean }
  | { role: Role; what: 'rekey' | 'end' }
  | { role: Role; what: 'alert'; text: string }

export function speeches({ text }: { text: string; version: Version }): Speech[] {
  return [
    { role: 'client', what: 'data', text },
    { role: 'client', what: 'data', text: 'and one more', endOfMessage: true },
    { role: 'server', what: 'data', text: 'I have read both' },
    { role: 'client', what: 'rekey' },
    { role: 'client', what: 'data', text: 'under a new key' },
    { role: 'client', what: 'end' },
    { role: 'server', what: 'alert', text: 'good night' },
  ]
}

/** Does at an engine what is to be said. */
export function speak(engine: Engine, speech: Speech): void {
  switch (speech.what) {
    case 'data':
      engine.write(new TextEncoder().encode(speech.text), 0, speech.endOfMessage)
      break
    case 'rekey':
      engine.rekey()
      break
    case 'end':
      engine.end()
      break
    case 'alert':
      engine.alert(ALERT_SHUTTING_DOWN, speech.text)
  }
}

export function whatIs(speech: Speech, number: number): string {
  switch (speech.what) {
    case 'data':
      return `record ${number}: “${short(speech.text)}”`
    case 'rekey':
      return `record ${number}: a change of key`
    case 'end':
      return `record ${number}: the end`
    case 'alert':
      return `record ${number}: an alert`
  }
}

function short(text: string): string {
  return text.length > 24 ? `${text.slice(0, 23)}…` : text
}
