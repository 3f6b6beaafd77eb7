// api.js - requests to vm-web (docs/api.yaml). All addresses are relative to the page's, which ends in
// VM_WEB_PREFIX/.
export const base = new URL('.', location.href)

export const url = path => new URL(`api/v1/${path}`, base)

export function socketUrl(path) {
  const u = url(path)
  u.protocol = u.protocol === 'https:' ? 'wss:' : 'ws:'
  return u
}

// An RFC 9457 problem document: the error and the fix.
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `The server answered ${status}.`)
    this.status = status
    this.fix = document.fix
  }
}

export async function problemOf(response) {
  let document = {}
  try { document = await response.json() } catch { /* no problem document: use the status */ }
  return new Problem(response.status, document)
}

export async function request(method, path, body) {
  const options = { method, headers: { Accept: 'application/json' } }
  if (body !== undefined) {
    options.headers['Content-Type'] = 'application/json'
    options.body = JSON.stringify(body)
  }
  let response
  try {
    response = await fetch(url(path), options)
  } catch {
    throw new Problem(0, { detail: 'The container does not answer.', fix: 'See whether it still runs: docker ps' })
  }
  if (response.status === 401) location.reload() // another start has another token: show the login page
  if (!response.ok) throw await problemOf(response)
  const text = await response.text()
  return text ? JSON.parse(text) : null
}

export const get = path => request('GET', path)
export const post = (path, body = {}) => request('POST', path, body)

// The events of a text/event-stream.
export async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  let event = { name: 'message', data: [], id: undefined }
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop()
    for (const line of lines) {
      if (line === '') {
        if (event.data.length) yield { ...event, data: event.data.join('\n') }
        event = { name: 'message', data: [], id: undefined }
      } else {
        const colon = line.indexOf(':')
        const key = colon < 0 ? line : line.slice(0, colon)
        const text = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
        if (key === 'event') event.name = text
        else if (key === 'data') event.data.push(text)
        else if (key === 'id') event.id = text
      }
    }
  }
}

// Follow /events indefinitely. The server first sends all events of earlier boots (Last-Event-ID 0).
// onState(connected, seconds until the next try).
export async function follow(onEvent, onState) {
  let last = '0'
  for (let wait = 1; ; wait = Math.min(wait * 2, 8)) {
    try {
      const response = await fetch(url('events'), { headers: { 'Last-Event-ID': last, Accept: 'text/event-stream' } })
      if (response.status === 401) return location.reload()
      if (response.ok) {
        onState(true)
        for await (const e of eventsOf(response)) {
          wait = 1
          if (e.id !== undefined) last = e.id
          let data
          try { data = JSON.parse(e.data) } catch { continue }
          onEvent(e.name, data)
        }
      }
    } catch { /* connection lost: retry */ }
    onState(false, wait)
    await new Promise(done => setTimeout(done, wait * 1000))
  }
}

// POST with upload progress, which fetch does not report.
export function upload(path, blob, type, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const x = new XMLHttpRequest()
    x.open('POST', url(path))
    x.setRequestHeader('Content-Type', type)
    x.upload.onprogress = e => onProgress(e.loaded, e.total)
    x.onload = () => {
      let document = {}
      try { document = JSON.parse(x.responseText) } catch { /* no document */ }
      if (x.status >= 200 && x.status < 300) resolve(document)
      else reject(new Problem(x.status, document))
    }
    x.onerror = () => reject(new Problem(0, { detail: 'The connection broke during the transfer.' }))
    x.onabort = () => reject(new DOMException('', 'AbortError'))
    signal?.addEventListener('abort', () => x.abort())
    x.send(blob)
  })
}
