/** Whether anything of the page is being fetched. */

class Activity {
  // Counted apart from the state, so that who begins a fetch in an effect does not depend on it.
  #running = 0;
  isLoading = $state(false);

  begin(): void {
    this.#running += 1;
    this.isLoading = true;
  }

  end(): void {
    this.#running -= 1;
    this.isLoading = this.#running > 0;
  }
}

export const activity = new Activity();
