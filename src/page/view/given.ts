// What a reader gives to the page: files dropped anywhere on it or picked, hex digits, a key log. It is kept while other parts of the page
// are looked at.

import { useLayoutEffect, useState } from 'preact/hooks'
import { isCapture } from '../../inspect/index.js'
import type { Recording } from '../../inspect/recording.js'

export interface Given {
  /** A capture, or the bytes of one direction, raw or as hex digits; undefined for what the page was written with, if that is anything. */
  bytes: Uint8Array | undefined
  /** What was pasted, of which `bytes` are the letters. */
  hex: string
  keyLog: string
  /** Why a file could not be read. */
  trouble: string
}

export interface Giving {
  given: Given
  give(change: Partial<Given>): void
  takeFiles(files: Iterable<File>): Promise<void>
}

/** @param tookFiles is called when files have been dropped on the page */
export function useGiving(recording: Recording | undefined, tookFiles: () => void): Giving {
  const [given, setGiven] = useState<Given>({
    bytes: undefined,
    hex: '',
    keyLog: recording?.keyLog ?? '',
    trouble: '',
  })
  const give = (change: Partial<Given>) => setGiven(before => ({ ...before, trouble: '', ...change }))
  const takeFiles = async (files: Iterable<File>) => {
    for (const file of [...files]) {
      try {
        const bytes = new Uint8Array(await file.arrayBuffer())
        give(isKeyLog(bytes) ? { keyLog: new TextDecoder().decode(bytes) } : { bytes, hex: '' })
      } catch (error) {
        // A folder, or a file that is gone.
        give({ trouble: `${file.name} cannot be read: ${(error as Error).message}` })
      }
    }
  }
  useLayoutEffect(() => {
    const drop = (event: DragEvent) => {
      if (!hasFiles(event)) return
      event.preventDefault()
      if (event.type !== 'drop') return
      tookFiles()
      void takeFiles(event.dataTransfer?.files ?? [])
    }
    // Else a browser leaves the page for the file.
    for (const type of ['dragover', 'drop'] as const) addEventListener(type, drop)
    return () => {
      for (const type of ['dragover', 'drop'] as const) removeEventListener(type, drop)
    }
  }, [])
  return { given, give, takeFiles }
}

function hasFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes('Files') ?? false
}

/** By how it begins: with a comment, or a line; or something else is before the first line. No capture does, nor hex digits. */
function isKeyLog(bytes: Uint8Array): boolean {
  return !isCapture(bytes) && /^\s*#|^\s*NOPKI/m.test(new TextDecoder().decode(bytes.subarray(0, 4096)))
}
