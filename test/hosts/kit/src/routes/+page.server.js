import { drawnKey } from '../../server.js'

export function load() {
  return { key: drawnKey() }
}
