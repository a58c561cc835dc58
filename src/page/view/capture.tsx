// A capture of the reader's own: dropped, picked or pasted, with a key log.

import { useMemo, useState } from 'preact/hooks'
import type { Core } from '../../engine/index.js'
import { fields, meaningOf } from '../../inspect/index.js'
import type { Recording } from '../../inspect/recording.js'
import { sentenceOf } from '../../inspect/sentences.js'
import { hueOf, type Leaf, leavesOf } from '../run/look.js'
import { readPieces, readTraffic, type Traffic } from '../run/traffic.js'
import { count } from './bytes.js'
import { Inspector, type Looked } from './inspector.js'
import { MessageView, type Shown } from './message.js'

interface Props {
  core: Core
  recording: Recording | undefined
  current: string
  /** By its name, for links; empty for nothing. */
  look(field: string): void
}

export function Captured({ core, recording, current, look }: Props) {
  const [input, setInput] = useState<Uint8Array | undefined>(undefined)
  const [keyLog, setKeyLog] = useState(recording?.keyLog ?? '')
  const [peeked, setPeeked] = useState<Looked | undefined>(undefined)
  const result = useMemo((): { traffic?: Traffic; error?: string } => {
    try {
      if (input) return { traffic: readTraffic(core, input, keyLog) }
      return recording ? { traffic: recorded(core, recording, keyLog) } : {}
    } catch (error) {
      return { error: (error as Error).message }
    }
  }, [core, recording, input, keyLog])
  const take = async (file: File | undefined) => {
    if (!file) return
    const bytes = new Uint8Array(await file.arrayBuffer())
    if (new TextDecoder('latin1').decode(bytes.subarray(0, 5)) === 'NOPKI') setKeyLog(new TextDecoder().decode(bytes))
    else setInput(bytes)
  }
  const drop = async (event: DragEvent) => {
    event.preventDefault()
    for (const file of event.dataTransfer?.files ?? []) await take(file)
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a file may be dropped anywhere on it; the field below does the same
    <div class="captured" onDragOver={event => event.preventDefault()} onDrop={event => void drop(event)}>
      <section class="giving" aria-label="your own bytes">
        <header>
          <h2>Your own bytes</h2>
          <p>
            A capture (pcap or pcapng) or bytes as hex. Drop it here, pick it, or paste it. Nothing leaves this page: it
            has no network.
          </p>
        </header>
        <div class="inputs">
          <label>
            <span>capture or raw bytes, from a file</span>
            <input type="file" data-give="file" onChange={event => void take(event.currentTarget.files?.[0])} />
          </label>
          <label>
            <span>or pasted, as hex</span>
            <textarea
              class="mono"
              rows={3}
              spellcheck={false}
              data-give="hex"
              onInput={event => {
                const { value } = event.currentTarget
                setInput(value.trim() ? new TextEncoder().encode(value) : undefined)
              }}
            />
          </label>
          <label>
            <span>key log, as --keylog and onKeys write it: it opens the records</span>
            <textarea
              class="mono"
              rows={3}
              spellcheck={false}
              data-give="keys"
              value={keyLog}
              onInput={event => setKeyLog(event.currentTarget.value)}
            />
          </label>
        </div>
        {result.error ? <p class="outcome bad">{result.error}.</p> : null}
        {result.traffic?.trouble ? (
          <p class="note">The capture was not read to its end: {result.traffic.trouble}.</p>
        ) : null}
      </section>
      {result.traffic?.dialogues.map((dialogue, number) => (
        <section class="dialogue" key={dialogue.title} aria-label={dialogue.title} data-dialogue={number}>
          <h2>
            {dialogue.title} <small>{count(dialogue.messages.reduce((sum, it) => sum + it.bytes.length, 0))}</small>
          </h2>
          {dialogue.trouble ? <p class="note">{dialogue.trouble}</p> : null}
          {dialogue.messages.slice(0, MOST_SHOWN).map((it, index) => {
            const prefix = `capture.${number}.${index}.`
            const told = (leaf: Leaf, message: Shown) => lookedAt(prefix, leaf, message)
            return (
              <MessageView
                key={`${it.from} ${it.offset}`}
                message={{ ...it, index }}
                open={index < 4}
                current={current.startsWith(prefix) ? current.slice(prefix.length) : undefined}
                look={(leaf, message) => {
                  setPeeked(undefined)
                  look(told(leaf, message).id)
                }}
                peek={(leaf, message) => setPeeked(leaf && told(leaf, message))}
                opened
              />
            )
          })}
          {dialogue.messages.length > MOST_SHOWN ? (
            <p class="note">and {dialogue.messages.length - MOST_SHOWN} more records; `nopki inspect` shows them all</p>
          ) : null}
        </section>
      ))}
      <Inspector
        looked={peeked ?? (result.traffic && linked(result.traffic, current))}
        whereabouts={[]}
        close={() => look('')}
      />
    </div>
  )
}

/** What a link points to: `capture.0.2.plaintext.data`. */
function linked({ dialogues }: Traffic, field: string): Looked | undefined {
  const [, dialogue, index, ...path] = field.split('.')
  const message = dialogues[Number(dialogue)]?.messages[Number(index)]
  const leaf = message && leavesOf(message).find(it => it.path === path.join('.'))
  return leaf && message && lookedAt(`capture.${dialogue}.${index}.`, leaf, { ...message, index: Number(index) })
}

/** A field with its words. */
export function lookedAt(prefix: string, leaf: Leaf, { kind, bytes, plaintext }: Shown): Looked {
  const own = leaf.inside ? 'plaintext' : kind
  const sentence = sentenceOf(own, leaf.name)
  const whole = leaf.inside ? plaintext : bytes
  const found = whole && fields(own, whole).find(it => it.offset === leaf.field.offset)
  return {
    id: prefix + leaf.path,
    title: leaf.name,
    hue: hueOf(leaf),
    bytes: leaf.field.bytes,
    text: sentence?.text ?? 'Bytes that belong to no message.',
    meaning: meaningOf(found && !found.parts ? found : leaf.field, own),
    section: sentence?.section,
    offset: leaf.field.offset,
  }
}

function recorded(core: Core, { capture, pieces }: Recording, keyLog: string): Traffic {
  if (capture !== undefined) return readTraffic(core, fromBase64(capture), keyLog)
  return readPieces(
    core,
    (pieces ?? []).map(it => ({ from: it.from, bytes: fromBase64(it.bytes) })),
    keyLog,
  )
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), it => it.charCodeAt(0))
}

const MOST_SHOWN = 200
