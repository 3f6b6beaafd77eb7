// sheet.js - replaces a <style> element under the Content-Security-Policy: its text becomes a
// constructed style sheet of the document.
export function styleElement() {
  const sheet = new CSSStyleSheet()
  const element = document.createElement('template')
  document.adoptedStyleSheets.push(sheet)
  Object.defineProperty(element, 'textContent', { set: text => sheet.replaceSync(text) })
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter(s => s !== sheet)
    Element.prototype.remove.call(element)
  }
  return element
}
