"""Losses of z with a parameter, for the oracle: functions of (number type, z, y) that give the loss
and its slope."""

import numpy as np


def _sigmoid(f, z):
    e = f.exp(-abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def _softplus(f, z):
    return np.maximum(z, 0) + f.log1p(f.exp(-abs(z)))


def gamma_of_log_mean(f, z, y):
    return z + y * f.exp(-z), 1 - y * f.exp(-z)


def negative_binomial(alpha):
    def loss(f, z, y):
        """-y log(alpha mean / (1 + alpha mean)) + log(1 + alpha mean) / alpha, mean = exp(z)"""
        u = z + f.log(f.array(alpha) * f.array(np.ones(z.shape)))
        value = y * _softplus(f, -u) + _softplus(f, u) / f.array(alpha)
        return value, _sigmoid(f, u) / f.array(alpha) - y * _sigmoid(f, -u)

    return loss


def focal(gamma):
    def side(f, z):
        """-p^gamma log(1 - p) with p = sigmoid(z), and its slope"""
        p, q, rate = _sigmoid(f, z), _sigmoid(f, -z), _softplus(f, z)
        weight = f.exp(-f.array(gamma) * _softplus(f, -z))
        return weight * rate, weight * (gamma * q * rate + p)

    def loss(f, z, y):
        zero, slope_zero = side(f, z)
        one, slope_one = side(f, -z)
        return y * one + (1 - y) * zero, (1 - y) * slope_zero - y * slope_one

    return loss
