/* SPDX-License-Identifier: Apache-2.0 */
/* number - numbers in a text that are worth stealing: payment cards (ISO/IEC 7812, Luhn) and bank accounts (IBAN, ISO 13616). Pure. */
#ifndef WITAN_WIRE_NUMBER_H
#define WITAN_WIRE_NUMBER_H

#include "base/str.h"

/* 13 to 19 digits with a right check digit, by themselves or parted by single blanks or hyphens; the first digit is one that cards have. */
bool number_has_card(str text);
/* Of a country that has IBANs, of its length, with right check digits; by itself or in groups. */
bool number_has_iban(str text);

#endif
