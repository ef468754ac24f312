import { describe, expect, it } from 'vitest';
import { ServiceColors, SLOTS } from './colors';
import { linearTicks } from './ticks';

describe('linearTicks', () => {
  it('takes round steps', () => {
    expect(linearTicks(0, 100, 5)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(linearTicks(0, 87, 5)).toEqual([0, 20, 40, 60, 80]);
    expect(linearTicks(0, 1.2e9, 6)).toEqual([0, 2e8, 4e8, 6e8, 8e8, 1e9, 1.2e9]);
    expect(linearTicks(0, 0, 5)).toEqual([0]);
  });

  it('starts inside the window', () => {
    expect(linearTicks(130, 178, 5)).toEqual([130, 140, 150, 160, 170]);
    expect(linearTicks(131, 178, 5)).toEqual([140, 150, 160, 170]);
  });
});

describe('ServiceColors', () => {
  const services = Array.from({ length: SLOTS }, (_, index) => `service-${index}`);

  it('does not depend on the order within a page, and keeps what it gave', () => {
    const [one, other] = [new ServiceColors(), new ServiceColors()];
    one.assign(services);
    other.assign([...services, ...services].reverse());
    const given = services.map((service) => one.slot(service));
    expect(services.map((service) => other.slot(service))).toEqual(given);
    one.assign(['another', ...services]);
    expect(services.map((service) => one.slot(service))).toEqual(given);
  });

  it('gives no slot twice while there are free ones, and always one of the palette', () => {
    const colors = new ServiceColors();
    colors.assign(services);
    expect(new Set(services.map((service) => colors.slot(service))).size).toBe(SLOTS);
    for (let index = 0; index < 3 * SLOTS; index += 1) {
      expect(colors.color(`more-${index}`)).toMatch(/^var\(--service-(\d|1[0-3])\)$/);
    }
  });
});
