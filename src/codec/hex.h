#ifndef CODEC_HEX_H
#define CODEC_HEX_H

/* One more than the value of a hexadecimal digit; 0 for any other byte. */
extern const unsigned char hex_values[256];

/* The value of a hexadecimal digit, or -1 for any other byte. */
static inline int
hex_digit(unsigned char c)
{
	return hex_values[c] - 1;
}

/* The byte that two digits spell, or a negative number. */
static inline int
hex_byte(const unsigned char *digits)
{
	return hex_digit(digits[0]) * 16 | hex_digit(digits[1]);
}

#endif
