/** What `nopki wire` and `nopki demo --page` put into the page. Bytes are in base64. */
export interface Recording {
  /** A capture file, or the bytes of one direction, raw or as hex digits. */
  readonly capture?: string
  /** Both directions of one connection, in the order in which they came. */
  readonly pieces?: readonly { readonly from: 'client' | 'server'; readonly bytes: string }[]
  /** Lines as `onKeys` gives them, or nothing. */
  readonly keyLog: string
}
