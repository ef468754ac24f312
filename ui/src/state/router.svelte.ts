/** Where the page is: path and query of the address, as reactive state. */
import { href, type QueryValues } from '../routes';

class Router {
  path = $state(window.location.pathname);
  query = $state.raw(new URLSearchParams(window.location.search));

  constructor() {
    window.addEventListener('popstate', () => this.#read());
  }

  go(target: string): void {
    window.history.pushState(null, '', target);
    this.#read();
  }

  /** Changes some values of the query, as a step of its own in the history unless `replace` is set. */
  setQuery(values: QueryValues, { replace = false } = {}): void {
    const target = href(this.path, { ...Object.fromEntries(this.query), ...values });
    if (target === this.path + window.location.search) return;
    if (replace) window.history.replaceState(null, '', target);
    else window.history.pushState(null, '', target);
    this.#read();
  }

  /** Follows plain clicks on links to this origin without loading the page again. */
  followLink(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.target !== '' || link.hasAttribute('download') || link.origin !== window.location.origin) return;
    if (link.hash !== '' || link.pathname.startsWith('/api/')) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
    window.scrollTo(0, 0);
  }

  #read(): void {
    this.path = window.location.pathname;
    this.query = new URLSearchParams(window.location.search);
  }
}

export const router = new Router();
