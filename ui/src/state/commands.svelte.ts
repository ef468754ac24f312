/** What the command palette offers. */

export interface Command {
  title: string;
  /** What kind of thing it is: `Page`, `Service`, `Operation`, `Dashboard`, `Action`. */
  kind: string;
  /** Shown beside the title and searched too. */
  detail?: string;
  /** Either a link, or something to do. */
  href?: string;
  run?: () => void;
  /** As in the keyboard registry, to show. */
  keys?: string;
}

/** Asked when the palette opens. A failure is told in the palette. */
export type CommandSource = (signal: AbortSignal) => Command[] | Promise<Command[]>;

class Commands {
  #sources: readonly CommandSource[] = [];
  isOpen = $state(false);
  isHelpOpen = $state(false);

  get sources(): readonly CommandSource[] {
    return this.#sources;
  }

  /** `$effect(() => commands.add(() => [...]))` in a component; once for good in a module of the shell. */
  add(source: CommandSource): () => void {
    this.#sources = [...this.#sources, source];
    return () => (this.#sources = this.#sources.filter((other) => other !== source));
  }
}

export const commands = new Commands();
