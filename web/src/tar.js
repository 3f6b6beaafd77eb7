// tar.js - tar archives: created from dropped files (POSIX ustar, with pax headers
// if a name or size needs them), and read to extract a single file.
const encoder = new TextEncoder()
const decoder = new TextDecoder()
const BLOCK = 512

function padding(size) {
  return new Uint8Array((BLOCK - size % BLOCK) % BLOCK)
}

function header(name, { size, mode, mtime, type }) {
  const block = new Uint8Array(BLOCK)
  const put = (at, text) => block.set(typeof text === 'string' ? encoder.encode(text) : text, at)
  const octal = (at, n, length) => put(at, n.toString(8).padStart(length - 1, '0'))
  put(0, name)
  octal(100, mode, 8)
  octal(108, 0, 8)
  octal(116, 0, 8)
  octal(124, size < 8 ** 11 ? size : 0, 12)
  octal(136, Math.max(0, mtime), 12)
  put(148, '        ')
  put(156, type)
  put(257, 'ustar\x0000')
  octal(148, block.reduce((a, b) => a + b, 0), 7)
  return block
}

// LENGTH KEY=VALUE\n, where LENGTH includes itself.
function record(key, value) {
  const rest = encoder.encode(` ${key}=${value}\n`).length
  let length = rest + 1
  while (String(length).length + rest !== length) length = String(length).length + rest
  return `${length} ${key}=${value}\n`
}

// One entry: {path, file} or {path, directory: true}. Returns the parts of a Blob. A File is one of
// them, so that its bytes are read only while they are sent.
function entry({ path, file, directory }) {
  const name = directory ? `${path}/` : path
  const size = directory ? 0 : file.size
  const about = { size, mode: directory ? 0o755 : 0o644, mtime: Math.floor((directory ? Date.now() : file.lastModified) / 1000), type: directory ? '5' : '0' }
  const raw = encoder.encode(name)
  const parts = []
  const pax = (raw.length > 100 ? record('path', name) : '') + (size >= 8 ** 11 ? record('size', size) : '')
  if (pax) {
    const data = encoder.encode(pax)
    parts.push(header('PaxHeader', { ...about, size: data.length, type: 'x' }), data, padding(data.length))
  }
  parts.push(header(raw.length > 100 ? raw.slice(0, 100) : raw, about))
  if (!directory) parts.push(file, padding(size))
  return parts
}

export function makeTar(entries) {
  return new Blob([...entries.flatMap(entry), new Uint8Array(2 * BLOCK)], { type: 'application/x-tar' })
}

const text = (b, at, length) => {
  const end = b.indexOf(0, at)
  return decoder.decode(b.subarray(at, end < 0 || end > at + length ? at + length : end))
}

function number(b, at, length) {
  if (b[at] & 0x80) return b.subarray(at + 1, at + length).reduce((n, x) => n * 256 + x, 0)
  return parseInt(text(b, at, length).trim() || '0', 8)
}

// The files of a tar archive: [{path, size, type, data: Blob}]. Throws if it is invalid or incomplete.
export async function readTar(blob) {
  const list = []
  let long = null
  let pax = {}
  for (let at = 0; at + BLOCK <= blob.size;) {
    const b = new Uint8Array(await blob.slice(at, at + BLOCK).arrayBuffer())
    if (b.every(x => x === 0)) return list
    const sum = b.reduce((n, x, i) => n + (i >= 148 && i < 156 ? 32 : x), 0)
    if (sum !== number(b, 148, 8)) throw new Error('What came is not a tar archive.')
    const type = String.fromCharCode(b[156] || 48)
    const size = pax.size !== undefined && type !== 'x' ? Number(pax.size) : number(b, 124, 12)
    const data = blob.slice(at + BLOCK, at + BLOCK + size)
    if (data.size !== size) break
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
    if (type === 'L') long = text(new Uint8Array(await data.arrayBuffer()), 0, size)
    else if (type === 'x') pax = readPax(new Uint8Array(await data.arrayBuffer()))
    else if (type !== 'g' && type !== 'K') {
      const prefix = text(b, 345, 155)
      list.push({ path: pax.path ?? long ?? (prefix && text(b, 257, 5) === 'ustar' && b[262] === 0 ? `${prefix}/` : '') + text(b, 0, 100), size, type, data })
      long = null
      pax = {}
    }
  }
  throw new Error('The archive is cut off: the transfer did not end.')
}

function readPax(b) {
  const pax = {}
  for (let at = 0; at < b.length;) {
    const space = b.indexOf(32, at)
    const length = Number(decoder.decode(b.subarray(at, space)))
    if (!(length > 0)) break
    const [, key, value] = decoder.decode(b.subarray(space + 1, at + length - 1)).match(/^([^=]*)=(.*)$/s) ?? []
    if (key) pax[key] = value
    at += length
  }
  return pax
}
