// The part of AssemblyScript's loader that is used. The build puts it here in place of the import (tools/loader.js): the whole module
// assigns to `Object` when it is imported, which hardened hosts forbid, and is four times as long.

import { demangle as demangled } from '@assemblyscript/loader'

/** An instance's exports, by AssemblyScript's rules for their names. */
export function demangle<T>(exports: object): T {
  return demangled(exports as never) as T
}
