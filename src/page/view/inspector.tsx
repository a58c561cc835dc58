// What is looked at, in words and in bytes, and where the same bytes lie in both memories.

import { useState } from 'preact/hooks'
import type { Region } from '../../inspect/index.js'
import { FORMATS, type Format, format } from '../run/formats.js'
import { address, count, Hex } from './bytes.js'

export interface Looked {
  /** For links. */
  id: string
  title: string
  hue: string
  bytes: Uint8Array
  text: string
  meaning?: string
  section?: string | undefined
  offset?: number | undefined
}

export interface Whereabouts {
  role: 'client' | 'server'
  places: { pointer: number; region: Region | undefined }[]
}

interface Props {
  looked: Looked | undefined
  whereabouts: readonly Whereabouts[]
  close(): void
}

export function Inspector({ looked, whereabouts, close }: Props) {
  return (
    <aside class="inspector" aria-label="what is looked at" aria-live="polite">
      {looked ? (
        <>
          <header>
            <h3>
              <i class={`dot hue-${looked.hue}`} aria-hidden="true" />
              {looked.title}
            </h3>
            <span class="size">
              {count(looked.bytes.length)}
              {looked.offset === undefined ? '' : ` at ${looked.offset}`}
            </span>
            <button type="button" class="quiet" onClick={close}>
              close
            </button>
          </header>
          <div class="columns">
            <div>
              <p class="sentence">{looked.text}</p>
              {looked.meaning ? <p class="meaning mono">{looked.meaning}</p> : null}
              {looked.section ? (
                <p class="section">
                  docs/protocol.md, <cite>{looked.section}</cite>
                </p>
              ) : null}
            </div>
            <div>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it */}
              <section class="mono bytes" tabIndex={0} aria-label="its bytes in hex">
                <Hex bytes={looked.bytes} most={2048} />
              </section>
              <Copying name={looked.id} bytes={looked.bytes} />
            </div>
            <div>
              {whereabouts.map(it => (
                <Places key={it.role} {...it} />
              ))}
            </div>
          </div>
        </>
      ) : (
        <p class="empty">Point at any bytes, or move to them with the Tab key: here is what they are.</p>
      )}
    </aside>
  )
}

function Places({ role, places }: Whereabouts) {
  return (
    <p class="places">
      <b>in the {role}’s memory</b>
      {places.length === 0 ? <span class="nowhere">nowhere now</span> : null}
      {places.slice(0, 4).map(({ pointer, region }) => (
        <span key={pointer}>
          <span class="mono">{address(pointer)}</span>{' '}
          {region ? `${region.part}: ${region.name}` : 'in memory that was given back'}
        </span>
      ))}
    </p>
  )
}

function Copying({ name, bytes }: { name: string; bytes: Uint8Array }) {
  const [said, setSaid] = useState('')
  const copy = async (kind: Format) => {
    const text = format(kind, name, bytes)
    try {
      await navigator.clipboard.writeText(text)
      setSaid(`copied as ${FORMATS[kind]}`)
    } catch {
      // A page from a file may have no clipboard: then it is there to be selected.
      setSaid(text)
    }
  }
  return (
    <div class="copying">
      {(Object.keys(FORMATS) as Format[]).map(kind => (
        <button type="button" class="small" key={kind} data-copy={kind} onClick={() => void copy(kind)}>
          {FORMATS[kind]}
        </button>
      ))}
      <output>{said}</output>
    </div>
  )
}
