// console.js - the serial console.
import { complain, notice } from './ask.js'
import { $, button, copyText, h, say, setText } from './dom.js'
import { Socket } from './socket.js'
import { viewers, watch } from './store.js'

const KEYS = [['Ctrl-C', '\x03'], ['Ctrl-D', '\x04'], ['Ctrl-Z', '\x1a'], ['Ctrl-]', '\x1d'], ['Esc', '\x1b'], ['Tab', '\t'],
  ['↑', '\x1b[A', 'Up'], ['↓', '\x1b[B', 'Down'], ['←', '\x1b[D', 'Left'], ['→', '\x1b[C', 'Right']]

export function consoleTab() {
  const encoder = new TextEncoder()
  let term, fit, search, FOUND, socket
  let typed = false // since the connection was opened

  const screen = h('div.terminal#terminal')
  const state = h('span.muted', 'connecting')
  const clients = h('span.muted')
  const readonly = h('input#readonly', { type: 'checkbox', onchange: connect })
  const reader = h('input#reader', { type: 'checkbox', onchange: () => { if (term) term.options.screenReaderMode = reader.checked; keep() } })
  const size = h('select#size', { 'aria-label': 'Size of the terminal', onchange: resize },
    h('option', { value: '' }, 'fits the window'), ['80×24', '80×25', '132×43'].map(s => h('option', { value: s }, s)))
  const query = h('input#find', { type: 'search', 'aria-label': 'Find in the console', placeholder: 'Find', oninput: () => find(true), onkeydown: e => {
    if (e.key === 'Enter') { e.preventDefault(); find(!e.shiftKey, true) }
    if (e.key === 'Escape') { closeFind() }
  } })
  const found = h('span.muted', { role: 'status' })
  const bar = h('div.find', { hidden: true, role: 'search' }, query, button('Previous', () => find(false, true), { class: 'small' }), button('Next', () => find(true, true), { class: 'small' }), found,
    button('Close', closeFind, { class: 'small quiet' }))
  const keys = h('div.keys', { role: 'group', 'aria-label': 'Keys for the guest' }, KEYS.map(([label, text, name]) =>
    button(label, () => { type(text); term?.focus() }, { class: 'small key', 'aria-label': `Send ${name ?? label}` })))

  const panel = h('div.console',
    h('div.tools',
      h('span.status', state, clients), h('span.space'),
      button('Find', openFind, { class: 'small', title: 'Ctrl+Shift+F' }),
      button('Copy', copy, { class: 'small', title: 'Copies the selection, or the whole screen (Ctrl+Shift+C)' }),
      button('Paste', paste, { class: 'small', title: 'Ctrl+Shift+V' }),
      size,
      button('Set guest size', tellSize, { class: 'small', title: 'Types stty rows … cols … into the guest’s shell: a serial line does not report its size' }),
      h('label.check', readonly, 'read-only'),
      h('label.check', { title: 'xterm.js keeps a copy of the screen that a screen reader can read' }, reader, 'screen reader')),
    bar, screen,
    h('div.tools.below', keys, h('span.space'), h('span.muted', h('kbd', 'Ctrl'), '+', h('kbd', ']'), ' leaves the console')))

  function keep() {
    try { localStorage.setItem('reader', reader.checked ? '1' : '') } catch { /* no storage */ }
  }
  try { reader.checked = Boolean(localStorage.getItem('reader')) } catch { /* no storage */ }

  async function load() {
    const m = await import('./terminal.js')
    FOUND = m.FOUND
    ;({ term, fit, search } = m.makeTerminal(() => typed && !readonly.checked))
    term.options.screenReaderMode = reader.checked
    term.open(screen)
    term.textarea.setAttribute('aria-label', 'Serial console of the guest; Ctrl and ] leaves it')
    term.attachCustomKeyEventHandler(key)
    term.onData(text => send(encoder.encode(text)))
    term.onBinary(text => send(Uint8Array.from(text, c => c.charCodeAt(0))))
    for (const kind of ['keydown', 'paste', 'beforeinput']) term.textarea.addEventListener(kind, () => { typed = true }, true)
    search.onDidChangeResults(({ resultIndex, resultCount }) =>
      setText(found, query.value ? resultCount ? `${resultIndex + 1} of ${resultCount}` : 'not found' : ''))
    new ResizeObserver(resize).observe(screen)
    resize()
    connect()
    globalThis.vmTerminal = term // for tests and the browser's developer tools
  }

  function resize() {
    if (!term || !screen.offsetParent) return
    const [cols, rows] = size.value.split('×').map(Number)
    screen.classList.toggle('fixed', Boolean(cols))
    if (cols) term.resize(cols, rows)
    else fit.fit()
  }

  function connect() {
    if (!term) return
    socket?.close()
    typed = false
    term.options.disableStdin = readonly.checked
    socket = new Socket(`console${readonly.checked ? '?readonly=1' : ''}`, {
      open: () => { term.reset(); typed = false },
      data: bytes => term.write(bytes),
      state: text => setText(state, text),
    })
  }

  function send(bytes) {
    if (readonly.checked) return
    if (!socket?.send(bytes)) say('The console is not connected.')
  }

  function type(text) {
    typed = true
    if (readonly.checked) return notice('The console is read-only; input is not sent.', { tone: 'warn' })
    send(encoder.encode(text))
  }

  function key(e) {
    if (e.type !== 'keydown') return true
    if (e.ctrlKey && !e.altKey && !e.shiftKey && (e.key === ']' || e.code === 'BracketRight')) {
      e.preventDefault()
      $('tab-console').focus()
      return false
    }
    if (e.ctrlKey && e.shiftKey) {
      if (e.code === 'KeyF') { e.preventDefault(); openFind(); return false }
      if (e.code === 'KeyC') { e.preventDefault(); copy(); return false }
      if (e.code === 'KeyV') return false // the browser's own paste arrives as an event
    }
    return true
  }

  async function copy() {
    if (!term) return
    let text = term.getSelection()
    if (!text) {
      const b = term.buffer.active
      text = Array.from({ length: term.rows }, (_, i) => b.getLine(b.viewportY + i)?.translateToString(true) ?? '').join('\n').trimEnd() + '\n'
    }
    await copyText(text)
    notice(term.hasSelection() ? 'Selection copied.' : 'Screen copied. Select text to copy only that.')
  }

  async function paste() {
    try {
      if (!navigator.clipboard?.readText) throw new Error('The browser permits clipboard access on https and 127.0.0.1 only; use Ctrl+Shift+V.')
      const text = await navigator.clipboard.readText()
      typed = true
      term?.paste(text)
      term?.focus()
    } catch (e) { complain(e) }
  }

  function tellSize() {
    if (term) type(`stty rows ${term.rows} cols ${term.cols}\r`)
  }

  function openFind() {
    bar.hidden = false
    resize()
    query.focus()
    query.select()
  }

  function closeFind() {
    bar.hidden = true
    search?.clearDecorations()
    resize()
    term?.focus()
  }

  function find(forward, again) {
    if (!term) return
    if (!query.value) { search.clearDecorations(); return setText(found, '') }
    const options = { incremental: forward && !again, decorations: FOUND }
    if (forward) search.findNext(query.value, options)
    else search.findPrevious(query.value, { decorations: FOUND })
  }

  watch('status viewers', () => {
    const n = viewers()
    setText(clients, n > 1 ? `${n} clients` : '')
  })

  let loading
  return { panel, show() { loading ??= requestIdleCallbackOr(() => load().catch(complain)); resize() }, hide() {} }
}

// After the first paint.
function requestIdleCallbackOr(f) {
  requestAnimationFrame(() => setTimeout(f, 0))
  return true
}

