// Bytes as they are shown: hex digits, in rows; long ones elided in the middle, unless they are asked for.

import { toHex } from '../../inspect/index.js'

export function Hex({
  bytes,
  most = 96,
  marks,
}: {
  bytes: Uint8Array
  most?: number
  marks?: ReadonlySet<number> | undefined
}) {
  if (bytes.length <= most + 16) return <Run bytes={bytes} start={0} marks={marks} />
  const tail = 16
  return (
    <>
      <Run bytes={bytes.subarray(0, most)} start={0} marks={marks} />
      <span class="elided"> … {(bytes.length - most - tail).toLocaleString('en')} more bytes … </span>
      <Run bytes={bytes.subarray(bytes.length - tail)} start={bytes.length - tail} marks={marks} />
    </>
  )
}

/** Groups of four bytes, so that lines break between them. */
function Run({ bytes, start, marks }: { bytes: Uint8Array; start: number; marks?: ReadonlySet<number> | undefined }) {
  const marked = marks && Array.from(bytes, (_, at) => at).some(at => marks.has(start + at))
  if (!marked) return <>{grouped(bytes)}</>
  return (
    <>
      {Array.from(bytes, (byte, at) => (
        <>
          {marks.has(start + at) ? <mark>{digits(byte)}</mark> : digits(byte)}
          {at % 4 === 3 ? ' ' : ''}
        </>
      ))}
    </>
  )
}

function grouped(bytes: Uint8Array): string {
  return toHex(bytes).replace(/.{8}(?!$)/g, '$& ')
}

function digits(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

export function ascii(bytes: Uint8Array): string {
  return Array.from(bytes, byte => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('')
}

export function count(bytes: number): string {
  return `${bytes.toLocaleString('en')} ${bytes === 1 ? 'byte' : 'bytes'}`
}

export function address(pointer: number): string {
  return `0x${pointer.toString(16).padStart(5, '0')}`
}
