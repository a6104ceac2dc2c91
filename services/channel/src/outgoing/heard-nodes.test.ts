import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { HeardNodes } from './heard-nodes.js';

describe('nodes that were heard', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('are told of at once, then once for all that was heard in a pause, and not when nothing was', () => {
    const told: string[] = [];
    const nodes = new HeardNodes((nodeId) => told.push(nodeId));
    nodes.heard('a');
    expect(told).toEqual(['a']);
    for (let i = 0; i < 100; i++) nodes.heard('a');
    nodes.heard('b');
    expect(told).toEqual(['a', 'b']);
    jest.advanceTimersByTime(250);
    expect(told).toEqual(['a', 'b', 'a']);
    jest.advanceTimersByTime(10_000);
    expect(told).toEqual(['a', 'b', 'a']);
    nodes.heard('b');
    expect(told).toEqual(['a', 'b', 'a', 'b']);
  });

  it('are not told of any more when it was stopped', () => {
    const told: string[] = [];
    const nodes = new HeardNodes((nodeId) => told.push(nodeId));
    nodes.heard('a');
    nodes.heard('a');
    nodes.stop();
    jest.advanceTimersByTime(1_000);
    expect(told).toEqual(['a']);
    expect(jest.getTimerCount()).toBe(0);
  });
});
